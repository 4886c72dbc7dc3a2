#include "tests/support/ctl_bed.hpp"

#include <algorithm>
#include <array>
#include <poll.h>

namespace pvscsi::test {

std::optional<hv::DomainInfo> FakeDomains::find(const std::string& name) {
    for (const auto& [id, known] : domains_)
        if (known == name || std::to_string(id.value()) == name)
            return hv::DomainInfo{id, known};
    return {};
}

std::vector<hv::DomainInfo> FakeDomains::list() {
    std::vector<hv::DomainInfo> all;
    for (const auto& [id, name] : domains_)
        all.push_back({id, name});
    return all;
}

hv::DomainInfo FakeDomains::create(const std::string& name, const std::string& /*config*/,
                                   const std::string& uuid) {
    last_uuid = uuid;
    const DomId id{next++};
    host_.add_guest(id);
    domains_[id] = name;
    return {id, name};
}

void FakeDomains::destroy(DomId domain) {
    domains_.erase(domain);
    host_.release(domain);
    host_.run([domain](hv::host::StoreServer& server) {
        static_cast<void>(server.dom0().remove("/local/domain/" + std::to_string(domain.value())));
    });
}

OtherSide::OtherSide(StoreHost& host, std::function<void(hv::Store&)> react)
    : store_(host.socket()), react_(std::move(react)), thread_([this] { run(); }) {}

OtherSide::~OtherSide() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
}

void OtherSide::run() {
    static_cast<void>(store_.watch("/local/domain", "other side"));
    std::array<pollfd, 2> events{pollfd{stop_.get(), POLLIN, 0}, pollfd{store_.fd(), POLLIN, 0}};
    while (::poll(events.data(), events.size(), -1) > 0 && events[0].revents == 0)
        while (store_.next_event())
            react_(store_);
}

} // namespace pvscsi::test
