// The device's nodes in the store: the states of both ends, ours written and the backend's read.
#include "frontend/xenbus_front.hpp"

#include <algorithm>
#include <stdexcept>

namespace pvscsi::frontend {

using xenbus::State;

DomId XenbusFront::read_backend_id(hv::Store& store, const std::string& front) {
    const auto text = store.read(front + "/backend-id");
    if (!text && text.error() == std::errc::no_such_file_or_directory)
        throw std::runtime_error("there is no vscsi device at " + front +
                                 ": add a LUN to the domain first (pvscsictl attach)");
    if (!text)
        throw std::system_error(text.error(), "reading " + front + "/backend-id");
    const auto id = xenbus::parse_number(*text, 0x7fef); // below DOMID_FIRST_RESERVED
    if (!id)
        throw std::runtime_error(front + "/backend-id is not a domain number");
    return DomId{static_cast<DomId::rep>(*id)};
}

/// Nobody but us writes the state of a device that is ours.
bool XenbusFront::still_ours() {
    const auto text = store_->read(front_ + "/state");
    if (text && xenbus::state_from_node(*text) == written_)
        return true;
    if (text) {
        device_gone("another program has taken the device over");
    } else if (text.error() == std::errc::no_such_file_or_directory ||
               text.error() == std::errc::permission_denied) {
        device_gone("the device was removed");
    } else {
        store_lost_ = true; // I/O goes on; what becomes of the device is not to be known
    }
    return false;
}

State XenbusFront::backend_state() {
    const auto text = store_->read(back_ + "/state");
    return text ? xenbus::state_from_node(*text).value_or(State::unknown) : State::unknown;
}

bool XenbusFront::backend_offline() {
    const auto text = store_->read(back_ + "/online");
    return text && *text != "1";
}

std::string XenbusFront::backend_error() {
    constexpr std::size_t longest = 300;
    std::string text = store_->read(back_ + "/error").value_or("");
    text.resize(std::min(text.size(), longest));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

void XenbusFront::enter(Phase phase, State state, TimePoint deadline) {
    phase_ = phase;
    written_ = state;
    deadline_ = deadline;
    write("/state", xenbus::to_node(state));
}

void XenbusFront::write(const std::string& node, const std::string& value) {
    check(store_->write(front_ + node, value), "writing " + front_ + node);
}

void XenbusFront::check(const Result<void>& result, const std::string& what) {
    if (result)
        return;
    if (!tolerant_)
        throw std::system_error(result.error(), what);
    // still_ours() finds out whether the device or the store is gone.
    deadline_ = TimePoint{}; // long ago, and it can be subtracted
}

} // namespace pvscsi::frontend
