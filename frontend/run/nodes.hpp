// Which nodes there are: an address, the vhost that serves it, and a number that it keeps.
//
// A vhost shows what its backend says, and a backend is a stranger: one that shows an address which
// another vhost has already gets nothing for it, so that it cannot take another's commands.
// Thread: the server's.
#pragma once

#include "frontend/include/pvscsi/frontend.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pvscsi::run {

class Vhost;

struct Node {
    Vhost* vhost;
    std::uint32_t minor;
};

class NodeTable {
  public:
    /// Null: there is no such node.
    [[nodiscard]] const Node* find(const Hctl& address) const noexcept;
    /// All addresses, in order.
    [[nodiscard]] std::vector<Hctl> addresses() const;
    /// Those of one vhost.
    [[nodiscard]] std::vector<Hctl> addresses_of(const Vhost& vhost) const;

    /// Nothing if the address is in use.
    void add(Vhost& vhost, const Hctl& address);
    /// False: it is not that vhost's.
    bool remove(const Vhost& vhost, const Hctl& address) noexcept;

  private:
    std::map<Hctl, Node> nodes_;
    std::map<Hctl, std::uint32_t> minors_; ///< a node that comes back has its old number
    std::uint32_t next_minor_ = 0;
};

/// "/dev/pvscsi/0:0:0:0"
[[nodiscard]] std::string node_name(const Hctl& address);

} // namespace pvscsi::run
