// test-fabric: an FCoE fabric on this machine's interfaces, or a word to one that runs.
#include "common/base/command_line.hpp"
#include "tests/npiv/fabric/control.hpp"
#include "tests/npiv/fabric/control_socket.hpp"
#include "tests/npiv/fabric/packet_socket.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <poll.h>

namespace {

using namespace pvscsi;
using namespace pvscsi::fabric;
using namespace std::chrono_literals;

class Sockets final : public Wire {
  public:
    explicit Sockets(const Setup& setup) {
        for (const auto& link : setup.links)
            links_.emplace_back(link.name);
    }
    void send(LinkIndex link, View packet) override { links_[link].send(packet); }
    [[nodiscard]] std::vector<PacketSocket>& links() { return links_; }

  private:
    std::vector<PacketSocket> links_;
};

struct Options {
    std::string control;
    std::vector<std::string> initiators, targets, words;
    unsigned period = 8000;
    log::Level level = log::Level::info;
};

Setup setup_of(const Options& options) {
    Setup setup;
    for (const auto& name : options.initiators)
        setup.links.push_back({name, false});
    for (const auto& name : options.targets)
        setup.links.push_back({name, true});
    setup.period = std::chrono::milliseconds{options.period};
    return setup;
}

/// How long to wait for something to read. A carrier that is lost or found tells nobody.
int patience(const Fabric& fabric) {
    constexpr auto look_again = 200ms;
    const auto due = std::chrono::ceil<std::chrono::milliseconds>(fabric.next_due() - Clock::now());
    return static_cast<int>(std::clamp<std::chrono::milliseconds>(due, 0ms, look_again).count());
}

void read_links(Fabric& fabric, std::vector<PacketSocket>& links) {
    constexpr int at_once = 64;
    for (LinkIndex i = 0; i < links.size(); ++i) {
        fabric.set_carrier(i, links[i].carrier(), Clock::now());
        for (int count = 0; count < at_once; ++count) {
            auto packet = links[i].receive();
            if (!packet)
                break;
            fabric.receive(i, std::move(*packet), Clock::now());
        }
    }
}

[[noreturn]] void run(const Options& options) {
    const auto setup = setup_of(options);
    Sockets sockets(setup);
    ControlSocket control(options.control);
    Fabric fabric(setup, sockets, Clock::now());
    fabric.start();
    const auto answer = [&](const std::string& line) {
        const auto said = command(fabric, line);
        if (line != "list" && line != "state") // who waits asks often
            log::info("{}: {}", line, said ? "done" : said.error());
        return said ? "ok\n" + *said : "error\n" + said.error() + "\n";
    };
    std::vector<pollfd> ready{{control.fd(), POLLIN, 0}};
    for (const auto& link : sockets.links())
        ready.push_back({link.fd(), POLLIN, 0});
    for (;;) {
        fabric.advance(Clock::now());
        // A frozen one still listens to its operator.
        ::poll(ready.data(), fabric.frozen() ? 1 : ready.size(), patience(fabric));
        fabric.advance(Clock::now());
        if (ready[0].revents != 0)
            control.serve(answer);
        ready[0].revents = 0;
        if (!fabric.frozen())
            read_links(fabric, sockets.links());
    }
}

int tell(const Options& options) {
    std::string line;
    for (const auto& word : options.words)
        line += (line.empty() ? "" : " ") + word;
    const auto said = ask(options.control, line);
    const auto end = said.find('\n');
    const bool good = said.substr(0, end) == "ok";
    if (end != std::string::npos)
        fmt::print(good ? stdout : stderr, "{}", said.substr(end + 1));
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("A Fibre Channel fabric over Ethernet, for tests; tests/npiv/fabric/README.md");
    app.require_subcommand(1);
    app.add_option("--control", options.control, "the control socket")->required();
    auto* const serve = app.add_subcommand("run", "be a fabric");
    serve->add_option("--link", options.initiators, "an interface with initiators behind it");
    serve->add_option("--target", options.targets, "one whose physical port is a target");
    serve->add_option("--period", options.period, "ms between two signs of life (8000)")
        ->check(CLI::Range(250u, 90000u));
    add_log_level(*serve, options.level);
    auto* const say = app.add_subcommand("tell", "give a fabric a command");
    say->add_option("words", options.words, "the command")->required();
    if (const auto status = parse_command_line(app, argc, argv))
        return *status;
    log::init("test-fabric", options.level);
    try {
        if (say->parsed())
            return tell(options);
        run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "test-fabric: {}\n", error.what());
        return 1;
    }
}
