// Clients of a store without a server, for the tests of its engine.
#pragma once

#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_tree.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pvscsi::test {

using hv::StorePermission;
using hv::host::StorePermissions;

using Events = std::vector<std::string>; // "path|token"

inline constexpr DomId dom0{0}, alice{1}, bob{2}, nobody{99};

class Client : public hv::host::StoreClient {
  public:
    Client(hv::host::StoreTree& tree, DomId domain)
        : StoreClient(tree, domain, [this](std::string_view path, std::string_view token) {
              events_.push_back(std::string(path) + "|" + std::string(token));
          }) {}
    /// The events since the last time.
    Events take() { return std::exchange(events_, {}); }

  private:
    Events events_;
};

/// dom0 and two guests with homes of their own.
struct Store {
    explicit Store(const hv::host::StoreQuota& quota = {}) : tree(quota) {
        for (const DomId domain : {alice, bob}) {
            tree.introduce_domain(domain);
            const std::string home = "/local/domain/" + std::to_string(domain.value());
            REQUIRE(toolstack.mkdir(home));
            REQUIRE(toolstack.set_permissions(home, {{domain}}));
        }
    }
    hv::host::StoreTree tree;
    Client toolstack{tree, dom0};
    Client a{tree, alice};
    Client b{tree, bob};
};

inline StorePermission none(DomId domain) {
    return {domain, false, false};
}
inline StorePermission readable(DomId domain) {
    return {domain, true, false};
}
inline StorePermission writable(DomId domain) {
    return {domain, false, true};
}
inline StorePermission open_to(DomId domain) {
    return {domain, true, true};
}

/// 0, or the errno.
template <class T>
int failure(const Result<T>& result) {
    return result ? 0 : result.error().value();
}

} // namespace pvscsi::test
