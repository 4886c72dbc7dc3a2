// How many commands a device may have at a time.
//
// The kernel has so many tags for them. Who writes one more to an sg file sleeps until one is free,
// and here that would be a data thread, with all of its guests: when the commands of one unit hang
// and take the adapter's tags, nobody's would be answered. So no more is sent than the kernel takes
// without that, nor than the device has asked for; the rest waits here, in the guest's order.
//
// - With an I/O scheduler the device has tags of its own, `nr_requests`.
// - Without one, as tapes and most adapters with several queues, the adapter's `can_queue` are for
//   all of its devices. Each has an equal part of them, which is less than what the kernel would
//   leave each (hctx_may_queue()), so that they do not end while one device hangs.
// - The device's own `queue_depth`, as it is when a unit is opened, bounds both. What is above it
// would wait in the kernel, without
//   its timeout running.
//
// Guests that share a device have equal parts of that.
//
// Sources: Linux 6.1 drivers/scsi/sg.c (sg_start_req), block/blk-mq.h, block/blk-mq-sched.c.
// Thread: any. Errors: none; what sysfs does not have is no bound.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

namespace pvscsi::backend {

/// Of the device at the sg node `node`, at least 1.
[[nodiscard]] unsigned device_room(const std::string& node,
                                   const std::filesystem::path& sysfs = "/sys");

class SgRoom {
  public:
    /// What one guest has of it, for as long as this lives.
    class Part {
      public:
        Part() = default;
        explicit Part(std::shared_ptr<SgRoom> room) : room_(std::move(room)) { ++room_->parts_; }
        Part(Part&& other) noexcept : room_(std::move(other.room_)) {}
        Part& operator=(Part&& other) noexcept {
            room_.swap(other.room_);
            return *this;
        }
        ~Part() {
            if (room_)
                --room_->parts_;
        }
        /// At least 1: that the parts are more than there is room for is no reason to starve one.
        [[nodiscard]] unsigned size() const noexcept;

      private:
        std::shared_ptr<SgRoom> room_; ///< none: no bound
    };

    /// Another size from now on.
    void resize(unsigned size) noexcept { size_ = size; }

  private:
    std::atomic<unsigned> size_{1};
    std::atomic<unsigned> parts_{0};
};

/// What all units of this process on the sg node `node` share, with its size as it is now.
[[nodiscard]] std::shared_ptr<SgRoom> room_at(const std::string& node);

} // namespace pvscsi::backend
