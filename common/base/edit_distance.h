// How alike two words are, for "did you mean".
#ifndef COMMON_BASE_EDIT_DISTANCE_H_
#define COMMON_BASE_EDIT_DISTANCE_H_

#include <cstddef>
#include <string_view>

namespace bestow {

// Levenshtein's: letters to insert, remove or change. Takes time and space by
// the product of the lengths: for words.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace bestow

#endif  // COMMON_BASE_EDIT_DISTANCE_H_
