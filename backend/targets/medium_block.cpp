#include "backend/targets/medium_block.hpp"

#include "backend/targets/backing.hpp"
#include "backend/uring.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <utility>

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
    case ESTALE: // the file's server does not know it any more
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

/// Whether the kernel would take it as done although the end is before it.
bool ignores_the_end(const MediumOp& op, bool block_device) noexcept {
    return op.kind == MediumOp::Kind::discard || (op.kind != MediumOp::Kind::read && !block_device);
}

} // namespace

BlockMedium::BlockMedium(const std::string& path, const Options& options) : path_(path) {
    Backing backing = open_backing(path, options.sharing, options.block_size, options.direct);
    claim_ = std::move(backing.claim);
    other_ways_ = std::move(backing.other_ways);
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
    if (op.kind == MediumOp::Kind::write && !block_device_) {
        op.error = before_writing();
        if (op.error != MediumError::none) [[unlikely]]
            return true;
    }
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
        op.error = failure_of(op, -result);
    } else if (moves_data(op)) {
        op.transferred += static_cast<std::size_t>(result);
        more = op.transferred < op.data.size();
        if (more && result == 0) { // behind the end
            more = false;
            op.error = failure_of(op, EIO);
        }
    }
    if (!more && op.error == MediumError::none && ignores_the_end(op, block_device_))
        op.error = after_writing();
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

MediumError BlockMedium::look() const noexcept {
    const BackingState now = look_at_backing(fd_.get(), block_device_);
    if (now.gone)
        return MediumError::gone;
    return now.bytes < limits_.bytes ? MediumError::shrunk : MediumError::none;
}

MediumError BlockMedium::before_writing() noexcept {
    if (std::exchange(before_.turn, uring_->submissions()) != uring_->submissions())
        before_.found = look();
    return before_.found;
}

MediumError BlockMedium::after_writing() noexcept {
    if (std::exchange(after_.turn, uring_->harvests()) != uring_->harvests())
        after_.found = look();
    return after_.found;
}

/// What the kernel says of an access behind the end differs; that it is there is the answer.
MediumError BlockMedium::failure_of(const MediumOp& op, int error) const noexcept {
    const MediumError own = error_of(op, error);
    if (own == MediumError::cancelled || own == MediumError::gone)
        return own;
    const MediumError backing = look();
    return backing != MediumError::none ? backing : own;
}

MediumNews BlockMedium::refresh() noexcept {
    const BackingState now = look_at_backing(fd_.get(), block_device_);
    const std::uint64_t size = now.bytes / limits_.block_size * limits_.block_size;
    if (now.gone)
        return MediumNews::gone;
    if (size < limits_.bytes)
        return MediumNews::shrunk;
    if (size > limits_.bytes) {
        limits_.bytes = size;
        return MediumNews::grown;
    }
    if (now.deleted && !std::exchange(deletion_told_, true))
        return MediumNews::deleted;
    return MediumNews::none;
}

std::string BlockMedium::describe(MediumNews news) const {
    switch (news) {
    case MediumNews::none:
    case MediumNews::grown:
        return path_ + " is well";
    case MediumNews::deleted:
        return path_ + " was deleted; what is in it is lost when the unit is closed";
    case MediumNews::shrunk:
        return fmt::format("{} was cut short from {} bytes to {} while it was in use", path_,
                           limits_.bytes, look_at_backing(fd_.get(), block_device_).bytes);
    case MediumNews::gone:
        return path_ + " has vanished while it was in use";
    }
    return path_;
}

} // namespace pvscsi::backend
