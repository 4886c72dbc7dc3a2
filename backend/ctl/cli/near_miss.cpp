#include "backend/ctl/cli/near_miss.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace pvscsi::ctl {

namespace {

constexpr std::size_t shortest_word = 3, longest_word = 40;
constexpr std::size_t letters_a_step = 3;

} // namespace

/// Row by row, of which two before are needed: where two letters have changed places, that is a
/// step of its own.
std::size_t steps_between(std::string_view from, std::string_view to) {
    std::array<std::vector<std::size_t>, 3> rows;
    for (auto& row : rows)
        row.resize(to.size() + 1);
    std::iota(rows[0].begin(), rows[0].end(), 0);
    for (std::size_t i = 1; i <= from.size(); ++i) {
        auto& row = rows[i % 3];
        const auto& above = rows[(i + 2) % 3];
        const auto& above_that = rows[(i + 1) % 3];
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t other = from[i - 1] == to[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + other});
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                row[j] = std::min(row[j], above_that[j - 2] + 1);
        }
    }
    return rows[from.size() % 3][to.size()];
}

std::vector<std::string> near_misses(std::string_view word, const std::vector<std::string>& known) {
    if (word.size() < shortest_word || word.size() > longest_word)
        return {};
    std::size_t nearest = std::max<std::size_t>(1, word.size() / letters_a_step);
    std::vector<std::string> near;
    for (const std::string& candidate : known) {
        const std::size_t steps = steps_between(word, candidate);
        if (steps > nearest || steps >= candidate.size())
            continue;
        if (steps < nearest)
            near.clear();
        nearest = steps;
        near.push_back(candidate);
    }
    return near;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
    std::string text;
    for (const std::string& candidate : near_misses(word, known))
        text += (text.empty() ? "; did you mean '" : " or '") + candidate + "'";
    return text.empty() ? text : text + "?";
}

} // namespace pvscsi::ctl
