// What was probably meant by a word that is not known.
// Thread: any. Errors: none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::ctl {

/// Letters that are missing, too much, others, or two that changed places: how many of these steps
/// lead from one word to the other. Words are short: time and memory grow with the product.
[[nodiscard]] std::size_t steps_between(std::string_view from, std::string_view to);

/// Those of `known` that are nearest to `word`, if they are near: one step, or a third of its
/// letters. Of a `word` too short to tell, or longer than any of them could be: none.
[[nodiscard]] std::vector<std::string> near_misses(std::string_view word,
                                                   const std::vector<std::string>& known);

/// "; did you mean 'attach'?", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& known);

} // namespace pvscsi::ctl
