#include "backend/targets/sg/alarm.hpp"

namespace pvscsi::backend {

SgAlarm::SgAlarm(boost::asio::io_context& context, std::function<void()> rings)
    : timer_(context), rings_(std::move(rings)), self_(std::make_shared<SgAlarm*>(this)) {}

void SgAlarm::set(TimePoint when) noexcept {
    if (set_ && *set_ <= when)
        return;
    set_ = when;
    timer_.expires_at(when);
    timer_.async_wait([weak = std::weak_ptr(self_), when](const boost::system::error_code& error) {
        const auto self = weak.lock();
        // One that was on its way when an earlier time was set has nothing to say.
        if (error || !self || (*self)->set_ != when)
            return;
        (*self)->set_.reset();
        (*self)->rings_();
    });
}

} // namespace pvscsi::backend
