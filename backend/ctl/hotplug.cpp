#include "backend/ctl/hotplug.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pvscsi::ctl {

namespace {

using xenbus::State;

State state_at(hv::Store& store, hv::StoreTxn txn, const std::string& parent) {
    const auto text = store.read(parent + "/state", txn);
    return text ? xenbus::state_from_node(*text).value_or(State::unknown) : State::unknown;
}

} // namespace

Way way_of(State back) noexcept {
    switch (back) {
    case State::connected:
        return Way::live;
    case State::initialising:
    case State::init_wait:
    case State::closed:
        return Way::nodes;
    case State::unknown:
    case State::initialised:
    case State::closing:
    case State::reconfiguring:
    case State::reconfigured:
        break;
    }
    return Way::busy;
}

Way change_vhost(
    Context& context, const Vhost& vhost, Deadline deadline,
    const std::function<Result<Way>(hv::StoreTxn, const std::optional<VhostEntry>&)>& change) {
    for (;;) {
        Way way = Way::busy;
        State seen = State::unknown;
        const auto done = hv::transact(context.store, [&](hv::StoreTxn txn) -> Result<void> {
            const auto entry = read_vhost(context.store, txn, vhost);
            if (!entry)
                return unexpected(entry.error());
            seen = *entry ? (*entry)->back : State::unknown;
            const auto result = change(txn, *entry);
            if (!result)
                return unexpected(result.error());
            way = *result;
            return {};
        });
        require(done, "cannot change " + vhost.back());
        if (way != Way::busy)
            return way;
        if (!wait_for(context, vhost.back() + "/state", deadline, [&] {
                return state_at(context.store, hv::no_transaction, vhost.back()) != seen;
            }))
            throw Failure(ExitCode::timed_out,
                          fmt::format("vhost {} of domain {} is busy ({}) for more than {}; {}; "
                                      "nothing was changed, try again later",
                                      vhost.device.value(), vhost.guest.value(), to_string(seen),
                                      patience_text(context), late_party(context, vhost)));
    }
}

bool wait_settled(Context& context, const Vhost& vhost, std::vector<unsigned> numbers,
                  std::initializer_list<State> ends) {
    const auto settled = [&](unsigned number) {
        const State lun = state_at(context.store, hv::no_transaction, vhost.back_lun(number));
        return lun == State::unknown || std::find(ends.begin(), ends.end(), lun) != ends.end();
    };
    std::reverse(numbers.begin(), numbers.end()); // those that guest and daemon begin with: last
    for (;;) {
        const auto left = numbers.size();
        bool over = false;
        const bool moved = wait_for(context, vhost.back(), deadline_of(context), [&] {
            const State back = state_at(context.store, hv::no_transaction, vhost.back());
            while (!numbers.empty() && settled(numbers.back()))
                numbers.pop_back();
            // A guest that leaves meanwhile finds the nodes as they should be when it comes back.
            over = back == State::closed || back == State::init_wait || back == State::unknown ||
                   (back == State::connected && numbers.empty());
            return over || numbers.size() < left;
        });
        if (!moved || over)
            return moved;
    }
}

Party awaited(State back, State front) noexcept {
    const bool guest_waits = (back == State::reconfiguring && front == State::reconfiguring) ||
                             (back == State::reconfigured && front == State::connected);
    const bool guest_left = front == State::closing || front == State::closed ||
                            front == State::initialising || front == State::initialised;
    return guest_waits || guest_left ? Party::daemon : Party::guest;
}

std::string late_party(Context& context, const Vhost& vhost) {
    const State back = state_at(context.store, hv::no_transaction, vhost.back());
    const State front = state_at(context.store, hv::no_transaction, vhost.front());
    if (awaited(back, front) == Party::guest)
        return "the guest has not answered";
    return fmt::format("the backend daemon has not answered: see whether {} runs and is not "
                       "stopped",
                       daemon_of(context, vhost));
}

bool withdraw(Context& context, const Vhost& vhost, const std::vector<unsigned>& numbers,
              std::optional<State> state) {
    bool taken_back = false;
    const auto done = hv::transact(context.store, [&](hv::StoreTxn txn) -> Result<void> {
        taken_back = state_at(context.store, txn, vhost.back()) == State::reconfiguring &&
                     state_at(context.store, txn, vhost.front()) == State::connected;
        if (!taken_back)
            return {};
        for (const unsigned number : numbers) {
            const auto changed =
                state ? write_state(context.store, txn, vhost.back_lun(number), *state)
                      : remove_lun(context.store, txn, vhost, number);
            if (!changed)
                return changed;
        }
        return write_state(context.store, txn, vhost.back(), State::connected);
    });
    require(done, "cannot take the change of " + vhost.back() + " back");
    return taken_back;
}

} // namespace pvscsi::ctl
