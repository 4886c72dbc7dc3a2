// inquire DOMAIN DEVICE H:C:T:L...: sends INQUIRY and TEST UNIT READY to addresses, there or not,
// as nothing keeps a guest's kernel from doing. Prints a line each: address, then for both
// commands host code, status and sense key, and the first byte of the INQUIRY data.
#include "frontend/include/pvscsi/frontend.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace pvscsi;

struct Answer {
    unsigned host = 0;
    unsigned status = 0;
    unsigned sense_key = 0;
};

Answer run(Session& session, const Hctl& address, std::span<const std::uint8_t> cdb,
           std::span<std::byte> data) {
    ScsiCommand command;
    command.address = address;
    command.cdb = cdb;
    command.direction = data.empty() ? DataDirection::none : DataDirection::from_device;
    command.data = data;
    Answer answer;
    bool done = false;
    const SubmitResult result = session.submit(command, [&](const Completion& completion) {
        answer = {static_cast<unsigned>(completion.host), completion.status,
                  completion.sense.size() > 2 ? completion.sense[2] & 0xfu : 0};
        done = true;
    });
    if (!result)
        throw std::runtime_error("the command was not taken");
    while (!done)
        session.wait(std::chrono::milliseconds{-1});
    return answer;
}

void inquire(Session& session, const Hctl& address) {
    constexpr std::array<std::uint8_t, 6> inquiry = {0x12, 0, 0, 0, 36, 0};
    constexpr std::array<std::uint8_t, 6> test_unit_ready = {};
    std::array<std::byte, 36> data{};
    const Answer first = run(session, address, inquiry, data);
    const Answer second = run(session, address, test_unit_ready, {});
    std::printf("%s inquiry %u/%u/%u %02x ready %u/%u/%u\n", to_string(address).c_str(), first.host,
                first.status, first.sense_key, static_cast<unsigned>(data[0]), second.host,
                second.status, second.sense_key);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4)
        return 2;
    try {
        SessionOptions options;
        options.domain = argv[1];
        options.device = static_cast<std::uint32_t>(std::atoi(argv[2]));
        const auto session = Session::open(options);
        for (int i = 3; i < argc; ++i)
            inquire(*session, hctl_from_string(argv[i]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
