#include "backend/targets/sg/device.hpp"

#include "backend/targets/sg/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <scsi/sg.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <system_error>
#include <vector>

namespace pvscsi::backend {

namespace {

// Newer than glibc's header: linux/include/scsi/sg.h.
constexpr int reset_device_no_escalate = 1 | 0x100;

[[noreturn]] void throw_errno(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

class KernelSgFile final : public SgFile {
  public:
    explicit KernelSgFile(UniqueFd fd) : fd_(std::move(fd)) {}

    int fd() const noexcept override { return fd_.get(); }
    int submit(const ::sg_io_hdr& header) noexcept override {
        return outcome(::write(fd_.get(), &header, sizeof header));
    }
    int fetch(::sg_io_hdr& header) noexcept override {
        return outcome(::read(fd_.get(), &header, sizeof header));
    }
    bool hung_up() const noexcept override {
        ::pollfd event{fd_.get(), 0, 0};
        return ::poll(&event, 1, 0) == 1 && (event.revents & (POLLHUP | POLLNVAL)) != 0;
    }

  private:
    static int outcome(ssize_t bytes) noexcept {
        if (bytes < 0)
            return errno;
        return bytes == ssize_t{sizeof(::sg_io_hdr)} ? 0 : EIO;
    }
    UniqueFd fd_;
};

class KernelSgDevice final : public SgDevice {
  public:
    KernelSgDevice(const std::string& node, const Sharing& sharing)
        : node_(node), lock_(open_fd()) {
        int version = 0;
        if (::ioctl(lock_.get(), SG_GET_VERSION_NUM, &version) != 0 || version < 30000)
            throw std::runtime_error(node_ + " is no node of the sg driver");
        lock(sharing);
        ::sg_scsi_id id{};
        if (::ioctl(lock_.get(), SG_GET_SCSI_ID, &id) != 0)
            throw_errno(errno, "cannot ask " + node_ + " for its address");
        type_ = static_cast<std::uint8_t>(id.scsi_type & 0x1f);
    }

    const std::string& node() const noexcept override { return node_; }
    std::uint8_t type() const noexcept override { return type_; }
    std::unique_ptr<SgFile> open() override { return std::make_unique<KernelSgFile>(open_fd()); }
    bool busy() noexcept override {
        // Documentation/ABI: commands that the low-level driver has (drivers/scsi/scsi_sysfs.c).
        const auto name = node_.substr(node_.rfind('/') + 1);
        std::ifstream file("/sys/class/scsi_generic/" + name + "/device/device_busy");
        unsigned commands = 0;
        return (file >> commands) && commands > 0;
    }
    std::optional<scsi::Sense> ask(std::span<const std::uint8_t> cdb, std::span<std::uint8_t> data,
                                   std::chrono::milliseconds bound) override {
        constexpr unsigned char check_condition = 2;
        std::fill(data.begin(), data.end(), std::uint8_t{0});
        std::vector<std::uint8_t> command(cdb.begin(), cdb.end());
        std::array<std::uint8_t, scsi::Sense::max_size> sense{};
        ::sg_io_hdr header{};
        header.interface_id = 'S';
        header.dxfer_direction = data.empty() ? SG_DXFER_NONE : SG_DXFER_FROM_DEV;
        header.cmd_len = static_cast<unsigned char>(command.size());
        header.mx_sb_len = static_cast<unsigned char>(sense.size());
        header.dxfer_len = static_cast<unsigned>(data.size());
        header.dxferp = data.data();
        header.cmdp = command.data();
        header.sbp = sense.data();
        header.timeout = static_cast<unsigned>(bound.count());
        if (::ioctl(lock_.get(), SG_IO, &header) != 0 || header.host_status != 0)
            return {};
        if (header.status == check_condition)
            return header.sb_len_wr == 0 ? std::nullopt
                                         : std::optional(scsi::Sense::from_bytes(
                                               std::span(sense).first(header.sb_len_wr)));
        return header.status == 0 ? std::optional(scsi::Sense{}) : std::nullopt;
    }
    int reset() noexcept override {
        int how = reset_device_no_escalate;
        return ::ioctl(lock_.get(), SG_SCSI_RESET, &how) == 0 ? 0 : errno;
    }

  private:
    /// O_RDWR: read-only files take no commands but a few. O_NONBLOCK: neither open() nor fetch()
    /// may wait for the device.
    static UniqueFd open_node(const std::string& node) {
        return {adopt_fd, ::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    }
    UniqueFd open_fd() const {
        UniqueFd fd = open_node(node_);
        if (!fd)
            throw_errno(errno, "cannot open " + node_);
        return fd;
    }
    /// Two on one unit break each other's reservations, resets and data, whichever of its paths
    /// they go by.
    void lock(const Sharing& sharing) {
        lock_backing(lock_.get(), node_, sharing);
        for (const std::string& path : other_paths(node_)) {
            UniqueFd fd = open_node(path);
            if (!fd)
                continue; // nobody else can open it either
            lock_backing(fd.get(), path + ", another path of the unit,", sharing);
            other_locks_.push_back(std::move(fd));
        }
    }

    std::string node_;
    UniqueFd lock_; ///< also the way for resets; carries no command but ask()'s
    std::vector<UniqueFd> other_locks_;
    std::uint8_t type_ = 0;
};

} // namespace

std::shared_ptr<SgDevice> open_sg_device(const std::string& node, const Sharing& sharing) {
    return std::make_shared<KernelSgDevice>(node, sharing);
}

} // namespace pvscsi::backend
