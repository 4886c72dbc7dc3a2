// A SCSI device and the sg driver's side of it, that do what a test says.
//
// Not thread safe but for reset(), which a test can hold up.
#pragma once

#include "backend/targets/sg/device.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <scsi/sg.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

namespace pvscsi::test {

/// A command as the driver got it.
struct SgCommand {
    ::sg_io_hdr header{};
    std::vector<unsigned char> cdb;
    std::vector<unsigned char> data_out;
};

/// What one open file has; outlives it, so that a test can look at it afterwards.
struct SgFileState {
    UniqueFd event{adopt_fd, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    std::deque<SgCommand> running;
    std::deque<::sg_io_hdr> results;
    int submit_error = 0;
    int fetch_error = 0;
    bool hung_up = false;
    bool closed = false;

    void wake() const {
        const std::uint64_t one = 1;
        if (::write(event.get(), &one, sizeof one) != ssize_t{sizeof one})
            throw std::runtime_error("eventfd");
    }
    /// The oldest running command has ended well, with `data` for it; `change` has the last word.
    template <class Change>
    void complete(const std::vector<unsigned char>& data, Change change) {
        auto header = running.front().header;
        running.pop_front();
        const auto moved = std::min<std::size_t>(data.size(), header.dxfer_len);
        if (header.dxfer_direction == SG_DXFER_FROM_DEV) {
            pending_data.push_back({header.pack_id, {data.begin(), data.begin() + ssize_t(moved)}});
            header.resid = static_cast<int>(header.dxfer_len - moved);
        }
        change(header);
        results.push_back(header);
        wake();
    }
    void complete(const std::vector<unsigned char>& data = {}) {
        complete(data, [](::sg_io_hdr&) {});
    }

    struct Data {
        int pack_id;
        std::vector<unsigned char> bytes;
    };
    std::vector<Data> pending_data;
};

class SgFileDouble final : public backend::SgFile {
  public:
    explicit SgFileDouble(std::shared_ptr<SgFileState> state) : state_(std::move(state)) {}
    ~SgFileDouble() override { state_->closed = true; }

    int fd() const noexcept override { return state_->event.get(); }
    int submit(const ::sg_io_hdr& header) noexcept override {
        if (state_->submit_error != 0)
            return state_->submit_error;
        if (state_->running.size() + state_->results.size() >= SG_MAX_QUEUE)
            return EDOM;
        SgCommand command{header, {header.cmdp, header.cmdp + header.cmd_len}, {}};
        if (header.dxfer_direction == SG_DXFER_TO_DEV) {
            const auto* data = static_cast<const unsigned char*>(header.dxferp);
            command.data_out.assign(data, data + header.dxfer_len);
        }
        state_->running.push_back(command);
        return 0;
    }
    int fetch(::sg_io_hdr& header) noexcept override {
        if (state_->fetch_error != 0)
            return state_->fetch_error;
        if (state_->results.empty()) {
            std::uint64_t count = 0;
            if (!state_->hung_up) // a hang-up stays to be seen
                (void)!::read(state_->event.get(), &count, sizeof count);
            return EAGAIN;
        }
        header = state_->results.front();
        state_->results.pop_front();
        for (const auto& data : state_->pending_data)
            if (data.pack_id == header.pack_id && !data.bytes.empty())
                std::memcpy(header.dxferp, data.bytes.data(), data.bytes.size());
        return 0;
    }
    bool hung_up() const noexcept override { return state_->hung_up; }

  private:
    std::shared_ptr<SgFileState> state_;
};

class SgDeviceDouble : public backend::SgDevice {
  public:
    const std::string& node() const noexcept override { return node_; }
    std::uint8_t type() const noexcept override { return device_type; }
    std::unique_ptr<backend::SgFile> open() override {
        if (open_error != 0)
            throw std::system_error(open_error, std::generic_category(), "cannot open " + node_);
        const std::lock_guard lock(mutex_);
        files_.push_back(std::make_shared<SgFileState>());
        return std::make_unique<SgFileDouble>(files_.back());
    }
    int reset() noexcept override {
        std::unique_lock lock(mutex_);
        ++resets;
        changed_.wait(lock, [this] { return !held_; });
        return reset_error;
    }
    bool busy() noexcept override { return commands_at_it; }
    /// Knows but ALLOW MEDIUM REMOVAL.
    std::optional<scsi::Sense> ask(std::span<const std::uint8_t> cdb, std::span<std::uint8_t>,
                                   std::chrono::milliseconds) override {
        if (cdb[0] != 0x1e || (cdb[4] & 0x03) != 0)
            return {};
        const std::lock_guard lock(mutex_);
        ++allowed;
        if (allow_senses.empty())
            return scsi::Sense{};
        const auto sense = allow_senses.front();
        allow_senses.pop_front();
        return sense;
    }
    /// What the i-th file that was opened has, and how many there were: a reset opens one.
    SgFileState& file(std::size_t i) {
        const std::lock_guard lock(mutex_);
        return *files_.at(i);
    }
    std::size_t opened() {
        const std::lock_guard lock(mutex_);
        return files_.size();
    }
    /// Makes reset() block until release_reset().
    void hold_reset() {
        const std::lock_guard lock(mutex_);
        held_ = true;
    }
    void release_reset() {
        const std::lock_guard lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }

    std::uint8_t device_type = 0;
    std::atomic<int> open_error = 0;
    std::atomic<int> reset_error = 0;
    std::atomic<int> resets = 0;
    std::atomic<int> allowed = 0; ///< how often it was told to let go of its medium
    std::deque<std::optional<scsi::Sense>> allow_senses; ///< for the next of these; then none
    std::atomic<bool> commands_at_it = false;

  private:
    std::string node_ = "/dev/sg7";
    std::vector<std::shared_ptr<SgFileState>> files_; ///< guarded by the mutex
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
};

} // namespace pvscsi::test
