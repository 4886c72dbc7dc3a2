// scsi-random-cdbs DOMAIN H:C:T:L SEED COUNT [EXCLUDED...]: sends a unit random commands as a
// guest, several at a time: opcodes, CDB lengths, directions, transfer lengths and timeouts that
// need not fit each other. EXCLUDED is an opcode, or opcode/service action, in hexadecimal: what
// would end the device itself. Exit status 0 if each command was answered once, no more was
// transferred than there was room for, and the unit says of itself afterwards what it said before.
#include "frontend/include/pvscsi/frontend.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace pvscsi;
using namespace std::chrono_literals;

constexpr std::size_t most_data = 64 * 1024;
constexpr unsigned depth = 8;

/// What may not be sent: an opcode (service_action none) or one of its service actions.
struct Excluded {
    static constexpr unsigned none = 0x100;
    unsigned opcode;
    unsigned service_action;
    friend auto operator<=>(const Excluded&, const Excluded&) = default;
};

Excluded excluded_from(const std::string& text) {
    const auto slash = text.find('/');
    Excluded result{static_cast<unsigned>(std::stoul(text, nullptr, 16)), Excluded::none};
    if (slash != std::string::npos)
        result.service_action =
            static_cast<unsigned>(std::stoul(text.substr(slash + 1), nullptr, 16));
    return result;
}

class Dice {
  public:
    explicit Dice(std::uint32_t seed) : random_(seed) {}
    /// 0 to `below` - 1.
    unsigned roll(unsigned below) { return static_cast<unsigned>(random_() % below); }
    template <std::size_t N>
    unsigned one_of(const std::array<unsigned, N>& values) {
        return values[roll(N)];
    }

  private:
    std::mt19937 random_;
};

struct RandomCommand {
    std::array<std::uint8_t, 16> cdb{};
    std::size_t cdb_length = 6;
    DataDirection direction = DataDirection::none;
    std::size_t length = 0;
    std::chrono::milliseconds timeout{};
};

/// What the unit is likely to know, so that more than its refusals are tried.
constexpr std::array<unsigned, 40> known = {
    0x00, 0x01, 0x03, 0x07, 0x08, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x15, 0x1a, 0x1d, 0x1e,
    0x25, 0x28, 0x2a, 0x2f, 0x34, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x4d, 0x51, 0x55,
    0x5a, 0x5e, 0x88, 0x89, 0x8a, 0x8f, 0x93, 0x9e, 0xa0, 0xa3, 0xa5, 0xb8};

/// SPC-5 4.2.5.1: the length by the opcode's group; vendor groups have any.
std::size_t usual_length(unsigned opcode) {
    constexpr std::array<std::size_t, 8> lengths = {6, 10, 10, 16, 16, 12, 10, 12};
    return lengths[opcode >> 5];
}

RandomCommand random_command(Dice& dice) {
    RandomCommand command;
    const unsigned opcode = dice.roll(2) == 0 ? dice.roll(256) : dice.one_of(known);
    command.cdb_length = dice.roll(8) == 0 ? 1 + dice.roll(16) : usual_length(opcode);
    // Mostly zeros, else hardly any command would have an address that exists.
    const unsigned share = dice.roll(4);
    for (std::size_t i = 1; i < command.cdb_length; ++i)
        command.cdb[i] = static_cast<std::uint8_t>(dice.roll(4) < share ? dice.roll(256) : 0);
    command.cdb[0] = static_cast<std::uint8_t>(opcode);
    constexpr std::array directions = {DataDirection::none, DataDirection::to_device,
                                       DataDirection::from_device, DataDirection::from_device};
    command.direction = directions[dice.roll(4)];
    if (command.direction != DataDirection::none)
        command.length = dice.roll(4) == 0 ? 1 + dice.roll(most_data)
                                           : dice.one_of<8>({1, 4, 8, 24, 252, 512, 4096, 65536});
    command.timeout = dice.roll(2) == 0 ? 20s : 0s;
    return command;
}

/// Where the service action is: SPC-5 4.2.5.3, 4.2.5.5.
bool is_excluded(const std::set<Excluded>& excluded, const RandomCommand& command) {
    const unsigned opcode = command.cdb[0];
    return excluded.contains({opcode, Excluded::none}) ||
           excluded.contains({opcode, command.cdb[1] & 0x1fu});
}

struct Sums {
    std::map<std::string, unsigned> by_end;
    unsigned answered = 0;
    unsigned wrong = 0;
};

std::string end_of(const Completion& done) {
    char text[64];
    if (done.host != Host::ok)
        std::snprintf(text, sizeof text, "host code %u", static_cast<unsigned>(done.host));
    else if (done.sense.size() > 2)
        std::snprintf(text, sizeof text, "status %02xh, sense key %x", done.status,
                      (done.sense[0] & 0x7f) >= 0x72 ? done.sense[1] & 0xf : done.sense[2] & 0xf);
    else
        std::snprintf(text, sizeof text, "status %02xh", done.status);
    return text;
}

/// Sends `count` commands, `depth` at a time, each from a buffer of its own.
class Storm {
  public:
    Storm(Session& session, Hctl address, std::uint32_t seed, std::set<Excluded> excluded)
        : session_(session), address_(address), dice_(seed), excluded_(std::move(excluded)) {
        for (auto& data : data_)
            data.resize(most_data);
    }

    const Sums& run(unsigned count) {
        while (sums_.answered < count) {
            while (sent_ < count && !free_.empty())
                send();
            if (session_.wait(100ms) == 0 && std::chrono::steady_clock::now() - last_ > 100s)
                throw std::runtime_error("commands are not answered");
        }
        return sums_;
    }

  private:
    void send() {
        RandomCommand random = random_command(dice_);
        while (is_excluded(excluded_, random))
            random = random_command(dice_);
        const unsigned slot = free_.back();
        free_.pop_back();
        auto& data = data_[slot];
        for (std::size_t i = 0; i < random.length; i += 64)
            data[i] = static_cast<std::byte>(dice_.roll(256));
        const std::size_t length = random.length;
        const ScsiCommand command{address_, std::span(random.cdb).first(random.cdb_length),
                                  random.direction, std::span(data).first(length), random.timeout};
        const auto result = session_.submit(
            command, [this, slot, length](const Completion& done) { ended(slot, length, done); });
        if (!result)
            throw std::runtime_error("a command was not taken");
        ++sent_;
    }

    void ended(unsigned slot, std::size_t length, const Completion& done) {
        ++sums_.answered;
        ++sums_.by_end[end_of(done)];
        sums_.wrong += done.residual > length;
        last_ = std::chrono::steady_clock::now();
        free_.push_back(slot);
    }

    Session& session_;
    Hctl address_;
    Dice dice_;
    std::set<Excluded> excluded_;
    std::array<std::vector<std::byte>, depth> data_;
    std::vector<unsigned> free_ = {0, 1, 2, 3, 4, 5, 6, 7};
    unsigned sent_ = 0;
    Sums sums_;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct Answer {
    Host host = Host::error;
    unsigned status = 0;
    std::vector<std::byte> data;
};

Answer ask(Session& session, Hctl address, std::vector<std::uint8_t> cdb, std::size_t length) {
    Answer answer;
    answer.data.resize(length);
    bool over = false;
    const auto direction = length == 0 ? DataDirection::none : DataDirection::from_device;
    if (!session.submit({address, cdb, direction, answer.data, 30s}, [&](const Completion& done) {
            answer.host = done.host;
            answer.status = done.status;
            over = true;
        }))
        throw std::runtime_error("a command was not taken");
    while (!over)
        session.wait(-1ms);
    return answer;
}

/// Its INQUIRY data, once the unit attentions are gone.
std::vector<std::byte> identity(Session& session, Hctl address) {
    for (int i = 0; i < 10; ++i)
        ask(session, address, {0, 0, 0, 0, 0, 0}, 0);
    Answer answer = ask(session, address, {0x12, 0, 0, 0, 36, 0}, 36);
    if (answer.host != Host::ok || answer.status != 0)
        throw std::runtime_error("INQUIRY: host code " +
                                 std::to_string(static_cast<unsigned>(answer.host)) + ", status " +
                                 std::to_string(answer.status));
    return std::move(answer.data);
}

int storm(int argc, char** argv) {
    SessionOptions options;
    options.domain = argv[1];
    const auto session = Session::open(options);
    unsigned disturbed = 0;
    session->on_event([&](const Event& event) {
        if (event.kind != Event::Kind::lun_added) {
            std::printf("event %u: %s\n", static_cast<unsigned>(event.kind), event.reason.c_str());
            ++disturbed;
        }
    });
    const Hctl address = hctl_from_string(argv[2]);
    std::set<Excluded> excluded;
    for (int i = 5; i < argc; ++i)
        excluded.insert(excluded_from(argv[i]));
    const auto count = static_cast<unsigned>(std::stoul(argv[4]));

    const auto before = identity(*session, address);
    Storm commands(*session, address, static_cast<std::uint32_t>(std::stoul(argv[3])), excluded);
    const Sums& sums = commands.run(count);
    for (const auto& [end, number] : sums.by_end)
        std::printf("%6u %s\n", number, end.c_str());
    const auto after = identity(*session, address);
    std::printf("%u answered, %u with a residual that is too long, %u events; INQUIRY data %s\n",
                sums.answered, sums.wrong, disturbed, before == after ? "as before" : "CHANGED");
    return sums.wrong == 0 && disturbed == 0 && before == after ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "usage: %s DOMAIN H:C:T:L SEED COUNT [EXCLUDED...]\n", argv[0]);
        return 2;
    }
    try {
        return storm(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
