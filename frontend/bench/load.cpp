#include "frontend/bench/load.hpp"
#include "common/base/standard_descriptors.hpp"

#include "frontend/bench/cpu_time.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace pvscsi::bench {

namespace {

constexpr std::uint64_t errors_printed = 5;
constexpr SpinWindow::Limits spin{std::chrono::microseconds(1), std::chrono::milliseconds(5)};
constexpr double longest_silence_ns = 30e9;
constexpr std::chrono::milliseconds longest_sleep{100};
constexpr std::size_t page = 4096;

std::atomic<bool> interrupted{false};

std::size_t rounded_to_pages(std::uint64_t bytes) {
    return static_cast<std::size_t>((bytes + page - 1) / page * page);
}

void require(bool condition, const std::string& what) {
    if (!condition)
        throw std::runtime_error(what);
}

} // namespace

void Load::interrupt() noexcept {
    interrupted = true;
}

Load::Load(Session& session, const Options& options)
    : session_(session), options_(options), capacity_(read_capacity(session, options.lun)),
      random_(options.seed), window_(spin) {
    const std::uint64_t bytes = capacity_.blocks * capacity_.block_size;
    require(options.offset <= bytes && options.size <= bytes - options.offset,
            fmt::format("--offset {} and --size {} are more than the unit's {} bytes",
                        options.offset, options.size, bytes));
    require(
        options.offset % capacity_.block_size == 0,
        fmt::format("--offset must be a multiple of the unit's {} bytes", capacity_.block_size));
    require(options.block > 0 && options.block % capacity_.block_size == 0,
            fmt::format("--bs must be a multiple of the unit's {} bytes", capacity_.block_size));
    require(
        options.block <= session.max_transfer() + page,
        fmt::format("--bs must be at most {} bytes on this connection", session.max_transfer()));
    blocks_ = (options.size == 0 ? bytes - options.offset : options.size) / options.block;
    first_ = options.offset / capacity_.block_size;
    require(blocks_ >= options.depth, "there is no room for that many blocks");
    units_ = static_cast<std::uint32_t>(options.block / capacity_.block_size);
    const std::size_t stride = rounded_to_pages(options.block);
    memory_ = session.allocate(stride * options.depth);
    jobs_.resize(options.depth);
    for (std::size_t i = 0; i < jobs_.size(); ++i)
        jobs_[i].data = memory_.bytes().subspan(i * stride, options.block);
    if (options.verify)
        map_.emplace(blocks_);
}

void Load::hear(const Event& event) {
    if (event.kind == Event::Kind::closed || event.kind == Event::Kind::store_lost)
        end_ = event.reason;
}

Result Load::run() {
    if (options_.verify && options_.reads())
        run_pass(Pass::fill, 1e9);
    const double cpu = cpu_seconds();
    const double daemon = options_.daemon_pid ? cpu_seconds(options_.daemon_pid) : 0;
    const std::uint64_t start = ticks();
    run_pass(Pass::measure, options_.runtime);
    result_.seconds = static_cast<double>(rate_.to_ns(ticks() - start)) * 1e-9;
    result_.cpu_seconds = cpu_seconds() - cpu;
    if (options_.daemon_pid)
        result_.daemon_cpu_seconds = cpu_seconds(options_.daemon_pid) - daemon;
    if (options_.verify && options_.writes())
        run_pass(Pass::check, 1e9);
    return result_;
}

void Load::run_pass(Pass pass, double seconds) {
    pass_ = pass;
    next_block_ = 0;
    stop_ = false;
    end_ticks_ = ticks() + rate_.from_ns(seconds * 1e9);
    last_end_ = ticks();
    for (Job& job : jobs_)
        start(job);
    while (in_flight_ > 0) {
        const bool idle = !wait();
        if (!end_.empty())
            throw std::runtime_error("the load ends before its time: " + end_ +
                                     "; is the domain still there, and its host?");
        tell_cut_off();
        if (waiting_ > 0)
            for (Job& job : jobs_)
                if (std::exchange(job.waits, false))
                    --waiting_, submit(job);
        if (idle && stuck()) {
            complain(jobs_.front(), "no command ends any more");
            return;
        }
    }
}

/// One line for all commands that a connection has taken with it.
void Load::tell_cut_off() {
    if (cut_off_ == 0)
        return;
    say_error(fmt::format("pvscsi-bench: the connection was lost with {} commands in flight\n",
                          std::exchange(cut_off_, 0)));
}

/// Looks at the time and at signals now and then; nothing may end for long, but not for ever.
bool Load::stuck() noexcept {
    if (options_.wait == Wait::poll && ++idle_turns_ % 4096 != 0)
        return false;
    if (interrupted.load(std::memory_order_relaxed) || ticks() >= end_ticks_)
        stop_ = true;
    return stop_ && ticks() - last_end_ > rate_.from_ns(longest_silence_ns);
}

/// Has `job` do its next command, if there is one.
void Load::start(Job& job) {
    if (stop_ || !choose(job))
        return;
    job.cdb.set(job.write, first_ + job.block * units_, units_);
    if (map_) {
        map_->begin(job.block);
        job.version = job.write ? map_->next_version(job.block) : map_->version(job.block);
        if (job.write)
            fill_pattern(job.data, options_.seed, job.block, job.version);
    }
    ++in_flight_;
    submit(job);
}

void Load::submit(Job& job) {
    ScsiCommand command;
    command.address = options_.lun;
    command.cdb = job.cdb.bytes();
    command.direction = job.write ? DataDirection::to_device : DataDirection::from_device;
    command.data = job.data;
    job.started = ticks();
    const auto result = session_.submit(
        command, [this, &job](const Completion& completion) { ended(job, completion); });
    if (result)
        return;
    if (result.error == SubmitError::bad_command) {
        complain(job, "the connection cannot carry it");
        stop_ = true;
    }
    if (stop_) {
        --in_flight_;
        return;
    }
    job.waits = true;
    ++waiting_;
}

/// Decides what `job` does next. False: this pass has no more for it.
bool Load::choose(Job& job) {
    if (pass_ == Pass::measure && options_.random()) {
        job.write = options_.access == Access::randwrite ||
                    (options_.access == Access::randrw && (random() & 1) != 0);
        do
            job.block = random() % blocks_;
        while (map_ && map_->busy(job.block));
        return true;
    }
    job.write = pass_ == Pass::fill || (pass_ == Pass::measure && options_.writes());
    if (pass_ == Pass::measure) {
        do {
            job.block = next_block_;
            next_block_ = next_block_ + 1 == blocks_ ? 0 : next_block_ + 1;
        } while (map_ && map_->busy(job.block));
        return true;
    }
    if (pass_ == Pass::check)
        while (next_block_ < blocks_ && map_->version(next_block_) == 0)
            ++next_block_;
    if (next_block_ == blocks_)
        return false;
    job.block = next_block_++;
    return true;
}

void Load::ended(Job& job, const Completion& completion) {
    const std::uint64_t now = ticks();
    last_end_ = now;
    --in_flight_;
    const bool good =
        completion.host == Host::ok && completion.status == 0 && completion.residual == 0;
    if (pass_ == Pass::measure) {
        Measured& measured = job.write ? result_.write : result_.read;
        ++measured.commands;
        measured.latency.add(rate_.to_ns(now - job.started));
    }
    if (completion.host == Host::transport_disrupted)
        ++result_.errors, ++cut_off_;
    else if (!good)
        complain(job, describe(completion));
    if (map_) {
        map_->end(job.block);
        if (job.write && good)
            map_->written(job.block, job.version);
        else if (job.write)
            map_->forget(job.block);
        else if (good)
            check_data(job);
    }
    if (now >= end_ticks_)
        stop_ = true;
    start(job);
}

void Load::check_data(Job& job) {
    if (job.version == 0)
        return; // nobody knows what it should be
    ++result_.verified;
    if (!matches_pattern(job.data, options_.seed, job.block, job.version))
        complain(job, "wrong data");
}

void Load::complain(const Job& job, const std::string& what) {
    if (result_.errors++ < errors_printed)
        say_error(fmt::format("pvscsi-bench: {} of block {} (LBA {}): {}\n",
                              job.write ? "write" : "read", job.block, job.block * units_, what));
}

SpinWindow::Duration Load::elapsed(std::uint64_t from, std::uint64_t to) const noexcept {
    return std::chrono::nanoseconds(rate_.to_ns(to - from));
}

/// Until something has been completed, or for a while. False: nothing has been.
bool Load::wait() {
    if (const auto completed = static_cast<unsigned>(session_.poll()); completed > 0) {
        if (std::exchange(idle_since_, 0) != 0)
            window_.met();
        if (options_.wait == Wait::adaptive && window_.worked(completed))
            window_.measure(elapsed(0, ticks()));
        return true;
    }
    if (options_.wait == Wait::poll)
        return false;
    if (options_.wait == Wait::adaptive) {
        const std::uint64_t now = ticks();
        if (idle_since_ == 0)
            idle_since_ = now;
        if (elapsed(idle_since_, now) < window_.length())
            return false;
    }
    window_.missed();
    idle_since_ = 0;
    const auto completed = static_cast<unsigned>(session_.wait(longest_sleep));
    if (options_.wait == Wait::adaptive && window_.worked(completed))
        window_.measure(elapsed(0, ticks()));
    return completed > 0;
}

/// xorshift64* (Vigna 2016).
std::uint64_t Load::random() noexcept {
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return random_ * 0x2545f4914f6cdd1d;
}

} // namespace pvscsi::bench
