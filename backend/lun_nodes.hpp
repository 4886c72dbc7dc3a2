// The `vscsi-devs/dev-N` nodes of one vhost: reading what the toolstack wrote, and telling it what
// became of each.
//
// Thread: control. Nodes below B are the toolstack's, so what is wrong with them is an
// administrator's mistake: it ends in the LUN's `error` node, and the other LUNs go on.
#pragma once

#include "backend/target.hpp"
#include "common/hypervisor/store.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pvscsi::backend {

/// One dev-N as it is in the store now.
struct LunNode {
    std::string name; ///< "dev-0"
    xenbus::State state = xenbus::State::unknown;
    bool has_error = false; ///< one at Closed
};

class LunNodes {
  public:
    /// `owner` serves; `path` is the vhost's backend path B.
    LunNodes(hv::Store& store, DomId owner, std::string path)
        : store_(store), owner_(owner), root_(path + "/vscsi-devs") {}

    [[nodiscard]] std::vector<LunNode> list();
    [[nodiscard]] xenbus::State state(const std::string& name) {
        return state(name, hv::no_transaction);
    }
    /// False: a change of this node, "dev-3/state", is our own doing. Watches don't tell whose a
    /// change was, and may tell of two at once: so it is what the node holds now that counts.
    [[nodiscard]] bool is_news(std::string_view node);
    /// The names alone, in one round trip; nothing if the store can't tell now.
    [[nodiscard]] std::optional<std::set<std::string>> names();
    /// Throws std::runtime_error with what is missing or malformed.
    [[nodiscard]] xenbus::VirtualAddress address(const std::string& name);
    [[nodiscard]] LunConfig config(const std::string& name);
    /// As config(), and set_served() goes by what was read here.
    [[nodiscard]] LunConfig config_to_open(const std::string& name);

    /// What it led to when it was opened; for a successor of this daemon, and nobody else to read.
    [[nodiscard]] std::string identity(const std::string& name) {
        return optional(name, "identity");
    }

    // A toolstack may remove or change a unit's nodes at any moment. So what is written depends on
    // what is there: a plain write would make a removed unit anew, or take back a removal.

    /// The unit is served, by `target` if the toolstack could not know that, and goes from state
    /// `seen` to `next`; what was remarked earlier is replaced. False: its state, or what
    /// config_to_open() read of it, was changed meanwhile, and nothing is written; there is an
    /// event.
    [[nodiscard]] bool set_served(const LunNode& seen, xenbus::State next,
                                  const std::string& identity, const std::string& warning,
                                  const std::string& target);
    /// Those that are at `seen` still go to `next`.
    void move(const std::vector<std::string>& names, xenbus::State seen, xenbus::State next);
    /// State 6 with the reason for an administrator to read; not one that is to be removed.
    void set_failed(const std::string& name, const std::string& reason);
    /// The port of the guest's own that it is reached by: for lists.
    void set_port(const std::string& name, const std::string& wwpn);
    /// For an administrator to read; the unit works. Empty: there is nothing any more.
    void set_warning(const std::string& name, const std::string& what);

  private:
    /// What makes it this unit, and not another one, for the guest; empty where there is no node.
    struct Meaning {
        std::string pdev, vdev, mode, exclusive, policy, vport;
        friend bool operator==(const Meaning&, const Meaning&) = default;
    };
    [[nodiscard]] Meaning meaning(const std::string& name, hv::StoreTxn txn);
    [[nodiscard]] LunConfig config_from(const std::string& name, const Meaning& said);
    [[nodiscard]] std::string required(const std::string& name, const std::string& node);
    [[nodiscard]] std::string optional(const std::string& name, const std::string& node);
    using Change = std::function<Result<void>(hv::StoreTxn)>;
    /// In one transaction with looking at `state`; false: that is not as `wanted` says.
    bool change(const std::string& name, const std::function<bool(xenbus::State)>& wanted,
                const Change& write);
    [[nodiscard]] xenbus::State state(const std::string& name, hv::StoreTxn txn);
    [[nodiscard]] Result<void> write_state(const std::string& name, xenbus::State state,
                                           hv::StoreTxn txn) {
        return store_.write(path(name, "state"), xenbus::to_node(state), txn);
    }
    void complain(const std::string& name, const std::error_code& error);
    [[nodiscard]] unsigned number(const std::string& name, const std::string& node, unsigned most);
    [[nodiscard]] std::string path(const std::string& name, const std::string& node) const {
        return root_ + "/" + name + "/" + node;
    }

    hv::Store& store_;
    const DomId owner_;
    const std::string root_;
    std::map<std::string, xenbus::State, std::less<>> written_; ///< by us, to the units' `state`
    std::map<std::string, Meaning> opened_as_; ///< of units that are about to be served
};

} // namespace pvscsi::backend
