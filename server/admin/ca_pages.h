// What `help ca ...` says.
#ifndef SERVER_ADMIN_CA_PAGES_H_
#define SERVER_ADMIN_CA_PAGES_H_

namespace bestow::server {

extern const char kCaListPage[];
extern const char kCaShowPage[];
extern const char kCaCreatePage[];
extern const char kCaRequestPage[];
extern const char kCaSignRequestPage[];
extern const char kCaImportPage[];
extern const char kCaImportKeyPage[];

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_PAGES_H_
