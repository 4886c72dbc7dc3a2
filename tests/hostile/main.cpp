// test-hostile: a guest that does everything wrong, against a running daemon on the embedded host;
// or, in a guest on Xen, with that guest's own vhost.
// Prints `ok NAME` or `not ok NAME` for each attack and the sum at the end.
#include "tests/hostile/attack.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <unistd.h>

namespace {

constexpr std::size_t failing_disks = 20;

using namespace pvscsi;
using namespace pvscsi::hostile;
using Clock = std::chrono::steady_clock;

struct Options {
    std::string host;
    int daemon = 0;
    std::string daemon_log;
    std::string only;
    std::uint64_t seed = 1;
    unsigned random_seconds = 10;
    unsigned patience = 20;
    unsigned stride = 1;
    bool list = false;
    bool in_guest = false;
    std::uint16_t bystander = 0;
};

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What the daemon may use up, whatever a guest does.
struct Bounds {
    std::size_t files = 8;          ///< above what it has with one idle guest
    std::size_t kib = 192 * 1024;   ///< above that, the sanitizers' quarantine included
    std::size_t lines = 200;        ///< of log for one attack ...
    std::size_t lines_a_second = 4; ///< ... and so many more for each second of it
};

/// Runs attacks one after the other and keeps count.
class Runner {
  public:
    explicit Runner(const Options& options) : options_(options), random_(options.seed) {}
    virtual ~Runner() = default;
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    void run(const std::string& name, const std::function<void(Attack&)>& attack) {
        if (name.find(options_.only) == std::string::npos)
            return;
        const auto start = Clock::now();
        try {
            suffer(attack);
            ++passed_;
            fmt::print("ok {} ({:.1f} s)\n", name, seconds_since(start));
        } catch (const std::exception& error) {
            ++failed_;
            fmt::print("not ok {}\n# {}\n", name, error.what());
        }
        std::fflush(stdout);
    }

    [[nodiscard]] virtual bool daemon_alive() const = 0;

    int finish() {
        fmt::print("{} passed, {} failed, 0 skipped\n", passed_, failed_);
        return failed_ == 0 ? 0 : 1;
    }

  protected:
    model::Random& random() { return random_; }
    [[nodiscard]] unsigned first() const {
        return static_cast<unsigned>(options_.seed % options_.stride);
    }
    const Options& options_;

  private:
    /// Throws if the attack has hurt somebody.
    virtual void suffer(const std::function<void(Attack&)>& attack) = 0;

    model::Random random_;
    unsigned passed_ = 0, failed_ = 0;
};

/// On the embedded host: a new guest for each attack, an innocent one next to it, and a look at the
/// daemon afterwards.
class HostRunner final : public Runner {
  public:
    explicit HostRunner(const Options& options)
        : Runner(options), machine_(options.host), daemon_(options.daemon, options.daemon_log),
          innocent_(options.host) {
        innocent_.check();
        files_ = daemon_.open_files();
        kib_ = daemon_.resident_kib();
    }

    [[nodiscard]] bool daemon_alive() const override { return daemon_.alive(); }

  private:
    void suffer(const std::function<void(Attack&)>& attack) override {
        const auto start = Clock::now();
        const std::size_t lines = daemon_.log_lines();
        attack_once(attack);
        inspect(lines, Clock::now() - start);
    }

    void attack_once(const std::function<void(Attack&)>& attack) {
        // Beside the disk some that can't be opened: each connection tries them again.
        std::vector<std::string> disks(1 + failing_disks, "file:/nowhere/missing");
        disks[0] = "ram:4M";
        const Vhost vhost = machine_.add_guest("hostile-" + std::to_string(++number_), disks);
        {
            Guest guest(machine_, vhost);
            guest.connect();
            guest.prove_service();
            Attack all{machine_, guest, innocent_.domain(), random(), options_.stride, first()};
            attack(all);
            innocent_.check();
        }
        machine_.remove_guest(vhost);
    }

    void inspect(std::size_t lines_before, Clock::duration took) {
        expect(daemon_.alive(), "the daemon is alive");
        innocent_.check();
        const std::size_t files = daemon_.open_files(), kib = daemon_.resident_kib();
        expect(files <= files_ + bounds_.files,
               fmt::format("the daemon's files are bounded ({} after {})", files, files_));
        expect(kib <= kib_ + bounds_.kib,
               fmt::format("the daemon's memory is bounded ({} KiB after {})", kib, kib_));
        const std::size_t lines = daemon_.log_lines() - lines_before;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(took).count();
        expect(lines <= bounds_.lines + bounds_.lines_a_second * static_cast<std::size_t>(seconds),
               fmt::format("the daemon's log is bounded ({} lines in {} s)", lines, seconds));
    }

    Bounds bounds_;
    Machine machine_;
    DaemonProcess daemon_;
    Innocent innocent_;
    std::size_t files_ = 0, kib_ = 0;
    unsigned number_ = 0;
};

/// In a guest on Xen: always the same vhost, which has to serve again after each attack. The daemon
/// and the innocent are in other domains; who started this looks after them.
class GuestRunner final : public Runner {
  public:
    explicit GuestRunner(const Options& options)
        : Runner(options), vhost_(machine_.own_vhost()), bystander_(options.bystander) {}

    [[nodiscard]] bool daemon_alive() const override { return true; }

  private:
    void suffer(const std::function<void(Attack&)>& attack) override {
        Guest guest(machine_, vhost_);
        guest.recover();
        guest.prove_service();
        Attack all{machine_, guest, bystander_, random(), options_.stride, first()};
        attack(all);
        guest.recover();
        guest.prove_service();
        guest.disconnect();
    }

    Machine machine_;
    Vhost vhost_;
    DomId bystander_;
};

std::vector<NamedAttack> all_attacks(bool in_guest) {
    std::vector<NamedAttack> all;
    for (const auto group : {request_attacks(), task_attacks(), index_attacks(), grant_attacks(),
                             race_attacks(), store_attacks(), storm_attacks()})
        std::copy_if(group.begin(), group.end(), std::back_inserter(all),
                     [&](const NamedAttack& attack) { return !in_guest || !attack.needs_host; });
    return all;
}

int run_all(Runner& runner, const Options& options) {
    for (const NamedAttack& attack : all_attacks(options.in_guest)) {
        runner.run(attack.name, attack.run);
        if (!runner.daemon_alive())
            break;
    }
    if (options.random_seconds > 0 && runner.daemon_alive())
        runner.run(fmt::format("random: seed {}", options.seed), [&](Attack& attack) {
            random_attack(attack, std::chrono::seconds(options.random_seconds));
        });
    return runner.finish();
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Attacks a running pvscsid as one of its guests.", "test-hostile"};
    app.add_option("--host", options.host, "directory of the embedded host")
        ->envname("PVSCSI_HOST");
    app.add_option("--daemon-pid", options.daemon, "process id of pvscsid");
    app.add_option("--daemon-log", options.daemon_log, "file with what pvscsid prints");
    app.add_option("--only", options.only, "run the attacks with this in their name");
    app.add_option("--seed", options.seed, "of the random attack, and of which are tried of many")
        ->capture_default_str();
    app.add_option("--random-seconds", options.random_seconds, "how long it lasts; 0: none")
        ->capture_default_str();
    app.add_option("--patience", options.patience, "seconds that anything may take")
        ->capture_default_str();
    app.add_option("--stride", options.stride, "every so manieth of what is tried over and over")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--in-guest", options.in_guest, "attack from this domain on Xen, with its vhost");
    app.add_option("--bystander", options.bystander, "another domain, with --in-guest");
    app.add_flag("--list", options.list, "print the names of the attacks");
    CLI11_PARSE(app, argc, argv);
    if (options.list) {
        for (const NamedAttack& attack : all_attacks(options.in_guest))
            fmt::print("{}\n", attack.name);
        return 0;
    }
    patience = std::chrono::seconds(options.patience);
    try {
        if (options.in_guest) {
            GuestRunner runner(options);
            return run_all(runner, options);
        }
        HostRunner runner(options);
        return run_all(runner, options);
    } catch (const std::exception& error) {
        fmt::print("not ok setting up\n# {}\n0 passed, 1 failed, 0 skipped\n", error.what());
        return 1;
    }
}
