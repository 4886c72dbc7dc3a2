// One timer for the many commands of a unit, each with a time by which somebody has to look.
//
// Thread: the worker's. Nothing is heard of it after it has been destroyed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace pvscsi::backend {

class SgAlarm {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    SgAlarm(boost::asio::io_context& context, std::function<void()> rings);
    SgAlarm(const SgAlarm&) = delete;
    SgAlarm& operator=(const SgAlarm&) = delete;

    /// Rings once, at the earliest time that was asked for since it rang last.
    void set(TimePoint when) noexcept;

  private:
    boost::asio::steady_timer timer_;
    std::function<void()> rings_;
    std::optional<TimePoint> set_;
    std::shared_ptr<SgAlarm*> self_; ///< what handlers hold, by a weak pointer
};

} // namespace pvscsi::backend
