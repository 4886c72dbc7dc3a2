// A backend for tests of the frontend, as obedient or as hostile as the test wants it. Lives in
// the test's thread and acts inside the frontend's own store writes and signals.
#pragma once

#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"
#include "ring/back_ring.hpp"
#include "ring/response.hpp"
#include "tests/support/fake_hypervisor.hpp"

#include <deque>

namespace pvscsi::test {

inline constexpr DomId backend_domain{0};
inline constexpr DomId guest_domain{7};

class MockBackend {
  public:
    using State = xenbus::State;

    explicit MockBackend(FakeHost& host, unsigned device = 0);

    // What a toolstack does.
    void create_vhost(const std::vector<std::string>& luns);
    void remove_vhost();
    void set_lun(unsigned number, const std::string& address, State state);
    void request_change() { set_state(State::reconfiguring); }

    /// Follows the frontend's states. Off: a daemon that is dead.
    bool alive = true;
    /// Goes from Closed to InitWait for a frontend that starts anew. Linux' backend does not, and
    /// leaves the LUNs as they are.
    bool invites = true;
    /// Answers requests as they come, by `answer`; off: they stay in `requests`.
    bool serving = true;
    std::function<ring::WireResponse(const ring::WireRequest&)> answer;
    std::deque<ring::WireRequest> requests;
    unsigned connections = 0;

    /// Takes what is in the ring.
    void look();
    void respond(const ring::WireResponse& response);
    /// The first of `requests`, which is removed.
    ring::WireRequest next_request();
    void set_state(State state);
    [[nodiscard]] State front_state() const;
    [[nodiscard]] std::string lun_state(unsigned number) const;
    void set(const std::string& node, const std::string& value);
    /// Forgets the connection as a killed daemon does: everything is unmapped.
    void die();

    /// All data of a request, through its grants; throws std::runtime_error if one refuses.
    std::string read_data(const ring::WireRequest& request);
    void write_data(const ring::WireRequest& request, const std::string& data);
    [[nodiscard]] std::vector<ring::WireSegment> segments(const ring::WireRequest& request);
    hv::GrantMapper& mapper() { return *mapper_; }
    [[nodiscard]] FakeChannel& channel() { return *channel_; }
    /// The ring page itself, to write what a BackRing would not.
    std::byte* page() { return page_->bytes().data(); }
    void store_index(std::size_t offset, std::uint32_t value);

    std::string front;
    std::string back;

  private:
    void follow();
    void connect();
    void disconnect();
    void devices(State from, State to);

    FakeHost& host_;
    FakeHypervisor hypervisor_;
    std::unique_ptr<FakeStore> store_;
    std::unique_ptr<hv::GrantMapper> mapper_;
    std::unique_ptr<hv::MappedPages> page_;
    std::unique_ptr<FakeChannel> channel_;
    std::optional<ring::BackRing> ring_;
    bool looking_ = false;
};

/// GOOD status for `request`, everything transferred.
ring::WireResponse good(const ring::WireRequest& request);

} // namespace pvscsi::test
