// The fabric: one switch (FCF) with a link to each interface. Answers what comes from the links and
// passes frames on between the ports behind them.
//
// Thread: one. Time comes in with the calls, so that a test may have its own.
// Errors: what makes no sense on a link is logged and forgotten, as switches do.
#pragma once

#include "tests/npiv/fabric/faults.hpp"
#include "tests/npiv/fabric/fip.hpp"
#include "tests/npiv/fabric/name_server.hpp"

namespace pvscsi::fabric {

/// Where packets go out.
class Wire {
  public:
    Wire() = default;
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    virtual ~Wire() = default;
    virtual void send(LinkIndex link, View packet) = 0;
};

struct LinkSetup {
    std::string name;
    bool target = false; ///< its physical port is a target
};
struct Setup {
    std::vector<LinkSetup> links;
    /// How often FCF and ENodes say that they are there (FKA_ADV_Period). Who is not heard for two
    /// and a half of it is gone.
    std::chrono::milliseconds period{8000};
};

/// A link's state.
struct Link {
    std::string name;
    bool target = false;
    bool enabled = true;
    bool carrier = true;
    std::optional<Mac> enode; ///< the other end, once it has been heard
    TimePoint heard;
    bool loses_advertisements = false, loses_keep_alives = false;
};

class Fabric {
  public:
    Fabric(const Setup& setup, Wire& wire, TimePoint now);

    /// Once: who was logged in to an earlier fabric of these links logs in again.
    void start();
    void receive(LinkIndex link, Bytes packet, TimePoint now);
    void set_carrier(LinkIndex link, bool carrier, TimePoint now);
    /// What is due; to be called at next_due() or before.
    void advance(TimePoint now);
    [[nodiscard]] TimePoint next_due() const;
    [[nodiscard]] bool frozen() const { return faults_.frozen.has_value(); }

    // What an operator does.
    void enable(LinkIndex link, bool enabled);
    /// Ends the login of a port, or of all of a link; they come again.
    void clear(PortId id);
    void clear_all(LinkIndex link);
    /// Tells one port, in the other's name, that the login between them is over (LOGO).
    void log_out(PortId from, PortId to);
    /// Tells every initiator that may see it about a target, or about the whole fabric.
    void announce(const Port& port);
    void announce_fabric();
    /// Calls `change` and tells the initiators whose view it has changed.
    template <class Change>
    void rezone(Change change) {
        const auto before = views();
        change(zones_);
        announce_changes(before);
    }

    [[nodiscard]] TimePoint now() const { return now_; }
    [[nodiscard]] Ports& ports() { return ports_; }
    [[nodiscard]] const Zones& zones() const { return zones_; }
    [[nodiscard]] Faults& faults() { return faults_; }
    [[nodiscard]] std::vector<Link>& links() { return links_; }

  private:
    using Views = std::set<std::pair<PortId, PortId>>;

    /// What FFFFFE says to a login: nothing if it says nothing.
    struct LoginAnswer {
        PortId to;
        Bytes payload;
        std::optional<Mac> granted;
    };
    std::optional<LoginAnswer> log_in(LinkIndex link, const FrameView& request);
    LoginAnswer grant(LinkIndex link, const Login& login, PortId from);
    LoginAnswer leave(const FrameView& request);
    void remove(PortId id);
    void remove_all(LinkIndex link);

    void take(LinkIndex link, const fip::Packet& packet);
    void take_login(LinkIndex link, const fip::LoginRequest& request);
    void take_fcoe(LinkIndex link, Bytes packet);
    void forward(const Port& from, const Header& header, Bytes packet);
    void take_request(Port& from, const FrameView& request);
    [[nodiscard]] Bytes els_answer(Port& from, const FrameView& request);

    void advertise(const Link& link);
    void expire_links();
    [[nodiscard]] std::chrono::milliseconds patience() const { return period_ * 5 / 2; }
    void request(const Port& to, PortId from, Bytes payload);
    void reply(const FrameView& request, Routing routing, Bytes payload);
    void tell(const Port& to, RscnFormat format, PortId about);
    [[nodiscard]] Views views() const;
    void announce_changes(const Views& before);
    [[nodiscard]] LinkIndex index_of(const Link& link) const {
        return static_cast<LinkIndex>(&link - links_.data());
    }

    Wire& wire_;
    const std::chrono::milliseconds period_;
    std::vector<Link> links_;
    Ports ports_;
    Zones zones_;
    NameServer names_{ports_, zones_};
    Faults faults_;
    TimePoint now_, next_advertisement_;
    std::uint16_t exchange_ = 0;
};

} // namespace pvscsi::fabric
