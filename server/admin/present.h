// What operations answer, as people see it: tables that fit 100 columns, and
// lines "name  value"; no colours, no control characters.
#ifndef SERVER_ADMIN_PRESENT_H_
#define SERVER_ADMIN_PRESENT_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "server/admin/json.h"

namespace bestow::server {

inline constexpr size_t kTableWidth = 100;

// One value: "-" for nothing, yes and no, lists with commas. The label "" is
// "."; control characters are "?".
std::string CellText(std::string_view name, const Json& value);

// Prints its rows page by page: the first page sets the widths of the columns,
// later ones may widen them. Where a row would be too long, the widest of the
// columns that may be cut lose their ends.
class Table {
 public:
  // "serial! identity not_after=until!": members of the rows, perhaps with
  // another heading; "!": never cut.
  explicit Table(std::string_view columns);
  // `rows`: an array of objects.
  void Print(const Json& rows, std::ostream& out);

 private:
  struct Column {
    std::string member, heading;
    bool whole = false;
    size_t width = 0;
  };
  void Fit();

  std::vector<Column> columns_;
  bool headed_ = false;
};

// An object as lines "name  value"; texts of several lines stand below, as they
// are; arrays of objects as tables of all of their first object's members.
void PrintObject(const Json& object, std::ostream& out);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_PRESENT_H_
