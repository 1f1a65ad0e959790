// Names of the store's settings that more than one part reads.
#ifndef SERVER_STORE_SETTING_NAMES_H_
#define SERVER_STORE_SETTING_NAMES_H_

namespace bestow::server {

// Of which moment's backup the database is: "2026-11-21T12:00:00Z". One that
// was never restored has no such setting.
inline constexpr char kRestoredSetting[] = "restored_backup_of";
// The key of Digest nonces that all servers share, sealed.
inline constexpr char kNonceKeySetting[] = "digest_nonce_key";

}  // namespace bestow::server

#endif  // SERVER_STORE_SETTING_NAMES_H_
