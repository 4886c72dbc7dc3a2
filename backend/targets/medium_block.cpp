#include "backend/targets/medium_block.hpp"

#include "backend/targets/backing.hpp"
#include "backend/uring.hpp"

#include <cerrno>
#include <linux/falloc.h>

namespace pvscsi::backend {

namespace {

MediumError error_of(const MediumOp& op, int error) noexcept {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return MediumError::no_space;
    case EROFS:
    case EPERM:
        return MediumError::protect;
    case ENODEV:
    case ENXIO:
    case ENOMEDIUM:
        return MediumError::gone;
    case ECANCELED:
        return MediumError::cancelled;
    default:
        return op.kind == MediumOp::Kind::read ? MediumError::read : MediumError::write;
    }
}

bool moves_data(const MediumOp& op) noexcept {
    return op.kind == MediumOp::Kind::read || op.kind == MediumOp::Kind::write;
}

} // namespace

BlockMedium::BlockMedium(const std::string& path, const Options& options) {
    Backing backing = open_backing(path, options.read_only, options.block_size, options.direct);
    fd_ = std::move(backing.fd);
    limits_ = backing.limits;
    direct_ = backing.direct;
    block_device_ = backing.block_device;
}

void BlockMedium::attach(Worker& worker) {
    uring_ = &worker.uring();
}

bool BlockMedium::submit(MediumOp& op) noexcept {
    op.error = MediumError::none;
    op.transferred = 0;
    if (queue(op))
        return false;
    op.error = MediumError::busy;
    return true;
}

/// What is left of the operation to the io_uring.
bool BlockMedium::queue(MediumOp& op) noexcept {
    const std::uint64_t offset = op.offset + op.transferred;
    const auto data = op.data.subspan(moves_data(op) ? op.transferred : 0);
    switch (op.kind) {
    case MediumOp::Kind::read:
        return uring_->read(fd_.get(), data, offset, op);
    case MediumOp::Kind::write:
        return uring_->write(fd_.get(), data, offset, op.durable, op);
    case MediumOp::Kind::sync:
        return uring_->sync_data(fd_.get(), op);
    case MediumOp::Kind::discard:
        return uring_->fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op.offset,
                                 op.length, op);
    }
    return false;
}

void BlockMedium::progressed(MediumOp& op, int result) noexcept {
    bool more = false;
    if (result == -EINTR || result == -EAGAIN) {
        more = !op.cancelling;
        op.error = MediumError::cancelled;
    } else if (result < 0) {
        op.error = error_of(op, -result);
    } else if (moves_data(op)) {
        op.transferred += static_cast<std::size_t>(result);
        more = op.transferred < op.data.size();
        if (more && result == 0) { // behind the end: the backing was cut short under us
            more = false;
            op.error = error_of(op, EIO);
        }
    }
    if (more) {
        op.error = MediumError::none;
        if (queue(op))
            return;
        op.error = MediumError::busy;
    }
    op.ended();
}

void BlockMedium::cancel(MediumOp& op) noexcept {
    op.cancelling = true;
    uring_->cancel(op);
}

bool BlockMedium::refresh() noexcept {
    const std::uint64_t size =
        backing_size(fd_.get(), block_device_) / limits_.block_size * limits_.block_size;
    if (size == limits_.bytes || size == 0)
        return false;
    limits_.bytes = size;
    return true;
}

} // namespace pvscsi::backend
