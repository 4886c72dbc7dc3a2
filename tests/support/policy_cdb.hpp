// CDBs, and rules of a policy, for tests.
#pragma once

#include "backend/policy/rules.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace pvscsi::test {

/// Padded to what its group says.
inline ring::Cdb cdb(std::vector<std::uint8_t> bytes) {
    constexpr std::array<std::size_t, 8> sizes{6, 10, 10, 16, 16, 12, 10, 10};
    bytes.resize(std::max(bytes.size(), sizes[bytes.at(0) >> 5]));
    if (bytes[0] == 0x7f && bytes[7] == 0)
        bytes[7] = static_cast<std::uint8_t>(bytes.size() - 8);
    return ring::Cdb::make(bytes).value();
}

inline backend::policy::Rules rules(const std::string& choice, std::uint8_t type = 0,
                                    bool shared = false,
                                    const std::vector<config::OwnPolicy>& own = {},
                                    const std::string& name = "") {
    auto policy = config::find_policy(choice, own);
    if (!policy)
        throw std::runtime_error(policy.error().reason);
    return {std::move(*policy), {type, shared, name}};
}

} // namespace pvscsi::test
