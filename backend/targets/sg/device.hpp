// The sg driver's side of the target: few system calls behind two small classes, so that every
// failure of theirs can be made to happen in a test.
//
// Source: Linux drivers/scsi/sg.c (the version 3 interface), seen on 6.1 and 6.12.
#pragma once

#include "backend/backing_lock.hpp"
#include "common/base/unique_fd.hpp"
#include "common/scsi/sense.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

struct sg_io_hdr;

namespace pvscsi::backend {

/// One open file of an sg node. The kernel takes 16 commands at a time on one, and gives results
/// only to the file that the command came by.
///
/// The kernel copies: data-out inside submit(), data-in inside fetch(). It does not touch the
/// memory of a command at any other time, nor at all once the file is closed.
/// Thread: the worker's.
class SgFile {
  public:
    virtual ~SgFile() = default;
    /// Readable when a result waits.
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// Starts a command; 0 or an errno: EDOM 16 are under way, ENODEV the device is gone.
    [[nodiscard]] virtual int submit(const ::sg_io_hdr& header) noexcept = 0;
    /// Takes the oldest result; 0 or an errno: EAGAIN there is none.
    [[nodiscard]] virtual int fetch(::sg_io_hdr& header) noexcept = 0;
    /// The device has been removed: no result that is not there already will come.
    [[nodiscard]] virtual bool hung_up() const noexcept = 0;
};

/// A SCSI device that is ours, or that we share as its opening said, for as long as this lives.
class SgDevice {
  public:
    virtual ~SgDevice() = default;
    [[nodiscard]] virtual const std::string& node() const noexcept = 0;
    /// Peripheral device type (SPC-5 table 141).
    [[nodiscard]] virtual std::uint8_t type() const noexcept = 0;
    /// Throws std::system_error. Any thread.
    [[nodiscard]] virtual std::unique_ptr<SgFile> open() = 0;
    /// The device has commands under way, whoever sent them. Any thread.
    [[nodiscard]] virtual bool busy() noexcept { return false; }
    /// One command with data-in, for which `data` is filled up with zeros, or without data. Blocks
    /// for at most `bound` and what the kernel then needs to end it. Empty sense: it ended well.
    /// Nothing: in any other way. Any thread.
    [[nodiscard]] virtual std::optional<scsi::Sense> ask(std::span<const std::uint8_t> /*cdb*/,
                                                         std::span<std::uint8_t> /*data*/,
                                                         std::chrono::milliseconds /*bound*/) {
        return {};
    }
    /// LOGICAL UNIT RESET and nothing wider. Blocks, maybe for long. 0 or an errno. Any thread.
    [[nodiscard]] virtual int reset() noexcept = 0;
};

/// The real one. Throws std::system_error or std::runtime_error.
[[nodiscard]] std::shared_ptr<SgDevice> open_sg_device(const std::string& node,
                                                       const Sharing& sharing);

} // namespace pvscsi::backend
