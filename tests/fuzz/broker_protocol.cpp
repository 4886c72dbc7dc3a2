// The broker's protocol: clients of dom0 and of two guests send what the input says, and write
// into their grant tables behind the broker's back. Whatever they do, nothing is left when they
// have hung up.
#include "common/hypervisor/host/session.hpp"
#include "tests/fuzz/input.hpp"

#include <array>
#include <memory>
#include <optional>

using namespace pvscsi;
using namespace pvscsi::hv::host;

namespace {

class Nobody final : public DomainObserver {
    void domain_created(const DomainRecord& /*domain*/) override {}
    void domain_destroyed(const DomainRecord& /*domain*/) noexcept override {}
};

constexpr std::size_t clients = 5;

/// One input's world.
class World {
  public:
    World() : host_(nobody_) {
        for (const char* name : {"a", "b"})
            (void)host_.create(name);
        for (std::size_t i = 0; i < clients; ++i)
            connect(i);
        for (std::uint16_t domain = 0; domain < 3; ++domain)
            memories_[domain] = host_.memory(DomId{domain});
    }

    void step(fuzz::Input& input) {
        const auto choice = input.take<std::uint8_t>();
        const std::size_t client = choice % clients;
        switch (choice / clients % 8) {
        case 0:
            return write_entry(client % 3, input);
        case 1:
            sessions_[client].reset();
            return connect(client);
        case 2:
            return raw(client, input);
        default:
            return request(client, input);
        }
    }

    void end() {
        for (auto& session : sessions_)
            session.reset();
        fuzz::must(host_.ports().open_ports() == 0, "a port is left open");
        for (const auto& memory : memories_) {
            fuzz::must(!memory->reap(), "a copy is under way that nobody makes");
            fuzz::must(memory->free_pages() == pool_pages - first_ref, "pages are missing");
        }
    }

  private:
    void connect(std::size_t client) {
        const DomId domain{static_cast<std::uint16_t>(client % 3)};
        if (host_.memory(domain) != nullptr)
            sessions_[client].emplace(host_, domain);
    }

    /// A reference, page, port or handle: few, so that the clients meet, and some at the edges.
    static std::uint32_t number(fuzz::Input& input) {
        constexpr std::array<std::uint32_t, 16> numbers{
            8, 9, 10, 11, 12, 13, 1, 2, 3, 4, 0, 7, 16, pool_pages - 1, pool_pages, 0xffffffff};
        return numbers[input.take<std::uint8_t>() % numbers.size()];
    }

    void request(std::size_t client, fuzz::Input& input) {
        Request request;
        request.op = static_cast<Op>(1 + input.take<std::uint8_t>() % 15);
        request.domain = input.take<std::uint8_t>() % 4;
        request.number = number(input);
        request.count = input.take<std::uint8_t>() % 8;
        request.write = request.count & 1;
        if (request.op == Op::destroy_domain && request.domain != 3)
            request.domain = 3;
        std::vector<std::byte> message(sizeof request);
        std::memcpy(message.data(), &request, sizeof request);
        if (request.op == Op::map)
            for (unsigned i = 0; i <= request.count % 4; ++i) {
                const std::uint32_t ref = number(input);
                const auto bytes = std::as_bytes(std::span(&ref, 1));
                message.insert(message.end(), bytes.begin(), bytes.end());
            }
        send(client, message);
    }

    void raw(std::size_t client, fuzz::Input& input) {
        const auto bytes = std::as_bytes(input.bytes(input.take<std::uint8_t>()));
        Request request;
        if (bytes.size() >= sizeof request) {
            // Dom0 may end domains and make as many as it likes; that is not what is tested.
            std::memcpy(&request, bytes.data(), sizeof request);
            if (request.op == Op::destroy_domain || request.op == Op::create_domain)
                return;
        }
        send(client, bytes);
    }

    void send(std::size_t client, std::span<const std::byte> message) {
        if (!sessions_[client])
            return;
        const auto answer = sessions_[client]->answer(message);
        if (!answer) {
            sessions_[client].reset();
            return connect(client);
        }
        fuzz::must(answer->fds.size() <= max_fds, "too many files in an answer");
        fuzz::must(sizeof(Reply) + answer->body.size() <= max_message, "an answer is too long");
        const bool refused =
            answer->reply.error != 0 || answer->reply.status != hv::GrantStatus::ok;
        fuzz::must(!refused || answer->fds.empty(), "a refusal brings files");
    }

    void write_entry(std::size_t domain, fuzz::Input& input) {
        const Mapping table(memories_[domain]->table_fd(), 0, sizeof(GrantTablePages),
                            hv::Access::read_write);
        const std::uint32_t ref = number(input) % table_entries;
        GrantEntry entry;
        entry.flags = input.take<std::uint8_t>();
        entry.domain = input.take<std::uint8_t>() % 4;
        entry.frame = number(input);
        table.as<GrantTablePages>().entries[ref] = pack(entry);
    }

    Nobody nobody_;
    HostState host_;
    std::array<std::shared_ptr<DomainMemory>, 3> memories_;
    std::array<std::optional<Session>, clients> sessions_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    World world;
    for (int steps = 0; steps < 200 && !input.empty(); ++steps)
        world.step(input);
    world.end();
    return 0;
}
