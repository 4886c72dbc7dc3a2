// Several connections of dom0 and two guests to one store, which all send what they like: whole
// messages, bytes of any kind, in any order, with domains dying in between.
#include "common/hypervisor/host/store_session.hpp"
#include "common/hypervisor/host/store_tree.hpp"
#include "tests/fuzz/input.hpp"

#include <array>
#include <memory>
#include <optional>

using namespace pvscsi;
using namespace pvscsi::hv::host;
using fuzz::must;
using Op = StoreOperation;

namespace {

constexpr DomId first{1}, second{2};
constexpr StoreQuota quota{.nodes = 30,
                           .node_size = 300,
                           .watches = 6,
                           .transactions = 3,
                           .nodes_per_transaction = 12,
                           .permissions = 3};
constexpr std::size_t max_events = 4096;

/// One connection without its socket, as StoreConnection has it.
class Connection {
  public:
    Connection(StoreTree& tree, DomId domain)
        : session_(tree, domain, [this](std::string_view path, std::string_view t) {
              alive_ = output_.event(path, t) && alive_;
          }) {}

    [[nodiscard]] bool alive() const { return alive_; }
    void feed(std::span<const char> bytes) {
        while (alive_ && !bytes.empty()) {
            const auto status = reader_.feed(bytes);
            alive_ = alive_ && status != StoreReader::Status::broken;
            if (status == StoreReader::Status::message)
                serve(reader_.message());
        }
    }
    void drain() {
        while (!output_.empty()) {
            must(output_.take_front().size() <= store_header_size + max_store_payload, "too long");
            output_.pop();
        }
        must(output_.bytes() == 0, "bytes left in an empty queue");
    }

  private:
    void serve(const StoreMessage& request) {
        const std::string reply = session_.handle(request);
        StoreReader reader;
        std::span<const char> bytes(reply);
        must(reader.feed(bytes) == StoreReader::Status::message && bytes.empty(), "one reply");
        const StoreMessage& answer = reader.message();
        must(answer.request == request.request && answer.transaction == request.transaction,
             "whose reply it is");
        must(answer.operation == request.operation || answer.operation == Op::error,
             "what it replies to");
        output_.reply(reply);
    }
    bool alive_ = true;
    StoreReader reader_;
    StoreOutput output_{max_events};
    StoreSession session_;
};

class Host {
  public:
    Host() {
        for (const DomId domain : {first, second})
            add_guest(domain);
        for (std::size_t i = 0; i < connections_.size(); ++i)
            connect(i);
    }

    void step(fuzz::Input& input) {
        const auto what = input.take<std::uint8_t>();
        const std::size_t which = what % connections_.size();
        switch (what / 8 % 8) {
        case 0: // any bytes
            feed(which, input.bytes(input.take<std::uint8_t>()));
            break;
        case 1:
            if (connections_[which])
                connections_[which]->drain();
            break;
        case 2:
            connect(which);
            break;
        case 3:
            kill(which % 2 == 0 ? first : second);
            break;
        default:
            message(which, input);
        }
        if (connections_[which] && !connections_[which]->alive())
            connect(which);
    }

    void judge() {
        std::array<unsigned, 3> owned{};
        count("/", owned);
        for (std::uint16_t domain = 0; domain < owned.size(); ++domain)
            must(tree_.owned(DomId(domain)) == owned[domain], "the number of a domain's nodes");
    }

  private:
    static constexpr std::array<DomId, 4> domains{DomId{0}, first, second, first};

    void add_guest(DomId domain) {
        tree_.introduce_domain(domain);
        const std::string home = "/local/domain/" + std::to_string(domain.value());
        (void)dom0_.mkdir(home);
        (void)dom0_.set_permissions(home, {{domain, false, false}});
    }
    void connect(std::size_t which) {
        connections_[which].reset();
        connections_[which] = std::make_unique<Connection>(tree_, domains[which]);
    }
    void kill(DomId domain) {
        tree_.release_domain(domain);
        must(tree_.owned(domain) == 0, "nodes of a dead domain");
        for (std::size_t i = 0; i < connections_.size(); ++i)
            if (domains[i] == domain)
                connections_[i].reset();
        add_guest(domain);
    }
    void feed(std::size_t which, std::span<const std::uint8_t> bytes) {
        if (connections_[which])
            connections_[which]->feed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    void message(std::size_t which, fuzz::Input& input) {
        const auto operation = static_cast<Op>(input.take<std::uint8_t>() % 25);
        const auto transaction = input.take<std::uint8_t>() % 5u;
        const auto payload = input.bytes(input.take<std::uint8_t>());
        const std::string encoded =
            encode(operation, 1, transaction,
                   {reinterpret_cast<const char*>(payload.data()), payload.size()});
        feed(which,
             std::span(reinterpret_cast<const std::uint8_t*>(encoded.data()), encoded.size()));
    }
    void count(const std::string& path, std::array<unsigned, 3>& owned) {
        const auto permissions = dom0_.permissions(path);
        must(permissions && !permissions->empty(), "a listed node without permissions");
        const DomId owner = permissions->front().domain;
        must(owner.value() < owned.size() || tree_.owned(owner) > 0, "an owner that has nothing");
        if (owner.value() < owned.size())
            ++owned[owner.value()];
        const auto listing = dom0_.list(path);
        for (const std::string& name : listing->names)
            count(path == "/" ? path + name : path + "/" + name, owned);
    }

    StoreTree tree_{quota};
    StoreClient dom0_{tree_, DomId{0}, [](std::string_view, std::string_view) {}};
    std::array<std::unique_ptr<Connection>, domains.size()> connections_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Host host;
    while (!input.empty())
        host.step(input);
    host.judge();
    return 0;
}
