#include "backend/targets/sg/channel.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <scsi/sg.h>

namespace pvscsi::backend {

SgChannel::SgChannel(boost::asio::io_context& context, std::unique_ptr<SgFile> file,
                     SgChannelOwner& owner)
    : file_(std::move(file)), event_(context, file_->fd()), owner_(&owner) {}

SgChannel::~SgChannel() {
    close();
}

void SgChannel::wait() {
    event_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error)
                              self->readable();
                      });
}

void SgChannel::close() noexcept {
    owner_ = nullptr;
    if (event_.is_open())
        (void)event_.release();
    file_.reset();
}

int SgChannel::submit(const ::sg_io_hdr& header) noexcept {
    const int error = file_->submit(header);
    if (error == 0)
        ++outstanding_;
    else if (error == EPERM)
        // The kernel serves only the credentials that opened the file; nothing will help.
        boost::asio::post(event_.get_executor(),
                          [self = shared_from_this()] { self->report_loss(EPERM); });
    return error;
}

void SgChannel::readable() noexcept {
    bool any = false;
    while (owner_ != nullptr) {
        ::sg_io_hdr header{};
        header.interface_id = 'S';
        // The kernel tells by it that the header is of this version.
        header.dxfer_direction = SG_DXFER_NONE;
        const int error = file_->fetch(header);
        if (error == EAGAIN)
            break;
        if (error != 0)
            return report_loss(error == ENODEV ? 0 : error);
        any = true;
        if (owner_->fetched(header) && outstanding_ > 0 && --outstanding_ == 0) {
            // With nothing left to come there is no need to ask once more.
            if (owner_ != nullptr)
                owner_->emptied(*this);
            break;
        }
    }
    if (owner_ == nullptr)
        return;
    if (!any && file_->hung_up())
        return report_loss(0);
    wait();
}

void SgChannel::report_loss(int error) noexcept {
    if (owner_ != nullptr && !std::exchange(lost_, true))
        owner_->lost(error);
}

} // namespace pvscsi::backend
