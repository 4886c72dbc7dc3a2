// An open sg file in the worker's loop: results are taken when there are any.
//
// Thread: the worker's. A channel lives as long as somebody holds it or a wait is under way.
#pragma once

#include "backend/targets/sg/device.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace pvscsi::backend {

class SgChannel;

class SgChannelOwner {
  public:
    /// False if the result is of no command that is known to be at the device.
    virtual bool fetched(const ::sg_io_hdr& header) noexcept = 0;
    /// No result will come any more; `error` is the errno, 0 if the device was removed. Called
    /// once, never from inside submit(). The owner closes the channel.
    virtual void lost(int error) noexcept = 0;
    /// All that was outstanding has come back. The owner may close the channel.
    virtual void emptied(SgChannel& channel) noexcept = 0;

  protected:
    ~SgChannelOwner() = default;
};

class SgChannel final : public std::enable_shared_from_this<SgChannel> {
  public:
    SgChannel(boost::asio::io_context& context, std::unique_ptr<SgFile> file,
              SgChannelOwner& owner);
    ~SgChannel();

    void wait();
    /// The owner is told nothing any more, and the kernel has let go of all memory.
    void close() noexcept;
    /// 0 or an errno.
    [[nodiscard]] int submit(const ::sg_io_hdr& header) noexcept;
    [[nodiscard]] unsigned outstanding() const noexcept { return outstanding_; }

  private:
    void readable() noexcept;
    void report_loss(int error) noexcept;

    std::unique_ptr<SgFile> file_;
    boost::asio::posix::stream_descriptor event_; ///< not an owner of its descriptor
    SgChannelOwner* owner_;                       ///< null: closed
    unsigned outstanding_ = 0;
    bool lost_ = false;
};

} // namespace pvscsi::backend
