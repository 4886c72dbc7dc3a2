// bench-iscsi-load: the load of pvscsi-bench on an iSCSI logical unit, over libiscsi's asynchronous
// interface; the same report, so that run.sh can put both into one table.
//
// Thread: one, over poll(). Commands move data to and from memory of their own, without a copy by
// this program. Errors: any failed command, or a lost session, ends it with 1.
#include "common/base/bytes.hpp"
#include "frontend/bench/cpu_time.hpp"
#include "frontend/bench/histogram.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <poll.h>
#include <random>
#include <span>
#include <stdexcept>
#include <system_error>
#include <vector>

extern "C" {
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
}

namespace {

using namespace pvscsi;
using Clock = std::chrono::steady_clock;

constexpr const char* initiator = "iqn.2026-01.bench:initiator";
constexpr std::uint64_t addressable_blocks = std::uint64_t{1} << 32; // by READ(10), WRITE(10)

struct Options {
    std::string url;
    std::string access = "randread";
    std::uint32_t block = 4096; ///< bytes of one command
    unsigned depth = 1;
    double runtime = 5; ///< seconds
    int daemon_pid = 0;

    [[nodiscard]] bool random() const { return access.starts_with("rand"); }
    [[nodiscard]] bool writes() const { return access.ends_with("write"); }
};

/// A session that is logged in. Throws std::runtime_error with libiscsi's words.
class Initiator {
  public:
    explicit Initiator(const std::string& url)
        : context_(iscsi_create_context(initiator), iscsi_destroy_context) {
        if (!context_)
            throw std::runtime_error("no memory for a session");
        const std::unique_ptr<iscsi_url, decltype(&iscsi_destroy_url)> parsed(
            iscsi_parse_full_url(context_.get(), url.c_str()), iscsi_destroy_url);
        if (!parsed)
            fail("reading the URL");
        lun_ = parsed->lun;
        iscsi_set_noautoreconnect(context_.get(), 1);
        iscsi_set_session_type(context_.get(), ISCSI_SESSION_NORMAL);
        iscsi_set_header_digest(context_.get(), ISCSI_HEADER_DIGEST_NONE);
        if (iscsi_set_targetname(context_.get(), parsed->target) != 0 ||
            iscsi_full_connect_sync(context_.get(), parsed->portal, lun_) != 0)
            fail("connecting");
    }

    [[nodiscard]] iscsi_context* get() const noexcept { return context_.get(); }
    [[nodiscard]] int lun() const noexcept { return lun_; }

    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(what + ": " + iscsi_get_error(context_.get()));
    }

    /// Waits for the socket and handles what has come; its callbacks run.
    void turn() {
        pollfd socket{iscsi_get_fd(context_.get()),
                      static_cast<short>(iscsi_which_events(context_.get())), 0};
        if (::poll(&socket, 1, 1000) < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "poll");
        if (iscsi_service(context_.get(), socket.revents) != 0)
            fail("the session");
    }

  private:
    std::unique_ptr<iscsi_context, decltype(&iscsi_destroy_context)> context_;
    int lun_ = 0;
};

struct Capacity {
    std::uint64_t blocks;
    std::uint32_t block_size;
};

Capacity read_capacity(const Initiator& session) {
    const std::unique_ptr<scsi_task, decltype(&scsi_free_scsi_task)> task(
        iscsi_readcapacity16_sync(session.get(), session.lun()), scsi_free_scsi_task);
    if (!task || task->status != SCSI_STATUS_GOOD || task->datain.size < 12)
        session.fail("READ CAPACITY(16)");
    const std::span data(task->datain.data, 12);
    return {load_be64(data, 0) + 1, load_be32(data, 8)};
}

class Load {
  public:
    explicit Load(const Options& options) : options_(options), session_(options.url) {
        capacity_ = read_capacity(session_);
        if (options.block == 0 || options.block % capacity_.block_size != 0)
            throw std::runtime_error("the block size does not fit the unit's");
        units_ = options.block / capacity_.block_size;
        positions_ = std::min(capacity_.blocks, addressable_blocks) / units_;
        if (positions_ == 0)
            throw std::runtime_error("the unit is too small");
        jobs_.resize(options.depth);
        for (Job& job : jobs_) {
            job.load = this;
            job.data.assign(options.block, 0x5a);
            job.vector = {job.data.data(), job.data.size()};
        }
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void run() {
        const double cpu = bench::cpu_seconds();
        const double daemon_cpu = options_.daemon_pid ? bench::cpu_seconds(options_.daemon_pid) : 0;
        const auto begin = Clock::now();
        end_ = begin + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(options_.runtime));
        for (Job& job : jobs_)
            if (!start(job))
                session_.fail("starting a command");
        while (in_flight_ > 0)
            session_.turn();
        seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
        cpu_seconds_ = bench::cpu_seconds() - cpu;
        if (options_.daemon_pid != 0)
            daemon_cpu_seconds_ = bench::cpu_seconds(options_.daemon_pid) - daemon_cpu;
    }

    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

    /// The keys that pvscsi-bench has, as far as they are the same thing.
    [[nodiscard]] std::string report() const {
        const auto count = latency_.count();
        const auto per_million = [count](double cpu) {
            return count == 0 ? 0 : cpu * 1e6 / static_cast<double>(count);
        };
        const double iops = static_cast<double>(count) / seconds_;
        nlohmann::ordered_json report{
            {"iops", iops},
            {"bytes_per_second", iops * options_.block},
            {"commands", count},
            {"latency_ns",
             {{"p50", latency_.percentile(0.5)},
              {"p99", latency_.percentile(0.99)},
              {"p999", latency_.percentile(0.999)},
              {"mean", latency_.mean()},
              {"max", latency_.max()}}},
            {"errors", errors_},
            {"cpu_seconds_per_million",
             {{"bench", per_million(cpu_seconds_)}, {"daemon", per_million(daemon_cpu_seconds_)}}},
            {"seconds", seconds_}};
        return report.dump(2) + "\n";
    }

  private:
    /// One of the `depth` commands.
    struct Job {
        Load* load = nullptr;
        std::vector<unsigned char> data;
        scsi_iovec vector{};
        Clock::time_point started;
    };

    bool start(Job& job) noexcept {
        const std::uint64_t position = (options_.random() ? random_() : next_++) % positions_;
        const auto lba = static_cast<std::uint32_t>(position * units_);
        const auto block_size = static_cast<int>(capacity_.block_size);
        job.started = Clock::now();
        scsi_task* const task =
            options_.writes()
                ? iscsi_write10_iov_task(session_.get(), session_.lun(), lba, nullptr,
                                         options_.block, block_size, 0, 0, 0, 0, 0, ended, &job,
                                         &job.vector, 1)
                : iscsi_read10_iov_task(session_.get(), session_.lun(), lba, options_.block,
                                        block_size, 0, 0, 0, 0, 0, ended, &job, &job.vector, 1);
        in_flight_ += task != nullptr ? 1 : 0;
        return task != nullptr;
    }

    /// Called by libiscsi, also when it lets go of a session; `data` is the task.
    static void ended(iscsi_context*, int status, void* data, void* which) noexcept {
        auto& job = *static_cast<Job*>(which);
        Load& load = *job.load;
        const auto now = Clock::now();
        scsi_free_scsi_task(static_cast<scsi_task*>(data));
        --load.in_flight_;
        const auto latency = std::chrono::nanoseconds(now - job.started).count();
        if (status == SCSI_STATUS_GOOD)
            load.latency_.add(static_cast<std::uint64_t>(latency));
        if (status != SCSI_STATUS_GOOD || (now < load.end_ && !load.start(job))) {
            ++load.errors_;
            load.end_ = now;
        }
    }

    const Options& options_;
    Capacity capacity_{};
    std::uint32_t units_ = 0;     ///< of the device in one block
    std::uint64_t positions_ = 0; ///< for a block
    std::vector<Job> jobs_;
    std::mt19937_64 random_{std::random_device{}()};
    std::uint64_t next_ = 0;
    unsigned in_flight_ = 0;
    Clock::time_point end_;
    bench::Histogram latency_;
    std::uint64_t errors_ = 0;
    double seconds_ = 0, cpu_seconds_ = 0, daemon_cpu_seconds_ = 0;
    Initiator session_; ///< ends first: commands in flight then end as failed
};

Options parse(CLI::App& app, int argc, char** argv) {
    Options options;
    app.add_option("URL", options.url, "iscsi://PORTAL/TARGET/LUN")->required();
    app.add_option("--rw", options.access, "read, write, randread or randwrite")
        ->check(CLI::IsMember({"read", "write", "randread", "randwrite"}));
    app.add_option("--bs", options.block, "bytes of one command, e.g. 4k")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--iodepth", options.depth, "commands in flight")->check(CLI::Range(1, 1024));
    app.add_option("--runtime", options.runtime, "seconds")->check(CLI::PositiveNumber);
    app.add_option("--daemon-pid", options.daemon_pid, "count this process' CPU time, too");
    app.parse(argc, argv);
    return options;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Puts load on an iSCSI logical unit and measures it; prints one JSON object."};
    try {
        const Options options = parse(app, argc, argv);
        Load load(options);
        load.run();
        std::fputs(load.report().c_str(), stdout);
        return load.errors() == 0 ? 0 : 1;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench-iscsi-load: %s\n", error.what());
        return 1;
    }
}
