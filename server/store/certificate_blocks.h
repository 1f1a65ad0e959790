// How certificates are found by what is random in them.
#ifndef SERVER_STORE_CERTIFICATE_BLOCKS_H_
#define SERVER_STORE_CERTIFICATE_BLOCKS_H_

namespace bestow::server {

// Begins a statement that reads "FROM block CROSS JOIN certificates c" with
// "WHERE c.id >> 10 = block.n AND c.key_sha256 = ?", or "c.identity_id = ?".
// The indexes of those columns are apart for each block of 1024 certificates
// (schema.cc): each block is looked into, so a million certificates cost about
// a thousand lookups, a millisecond or two. Nothing that every issuance asks
// may ask it so.
inline constexpr char kWithBlocks[] =
    "WITH RECURSIVE block (n) AS ("
    "SELECT coalesce(max(id), 0) >> 10 FROM certificates"
    " UNION ALL SELECT n - 1 FROM block WHERE n > 0) ";

}  // namespace bestow::server

#endif  // SERVER_STORE_CERTIFICATE_BLOCKS_H_
