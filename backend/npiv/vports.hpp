// The life of guests' virtual ports. A port is made when a LUN that names it is opened, stays while
// any LUN is open through it, and goes some time after the last one has let go: so it outlasts a
// reboot of the guest. It also outlasts this process: the next daemon finds it in the record and
// goes on with it, makes it anew if the host was restarted, or deletes it if nobody wants it.
//
//   absent -- reach() --> making -- kernel --> present -- nobody has it, linger --> deleting
//      ^                     |                    |                                     |
//      +---- retried --------+                    +-- somebody deleted it --> absent <--+
//
// While a port is not Active, or its target or LUN is not there yet, reach() says what it waits
// for; who asks decides how long. No call blocks: what the kernel may take long for is done by a
// thread of the port's own, one thing at a time, which shares nothing with this class but what it
// posts: a fabric that never answers holds up nobody's port but its own.
//
// What is refused: names that another guest has, that a port of this host or of its fabric has, or
// that seem to be the wrong way round; a port of the host that can't be told or has no NPIV; and
// everything while the record of what is ours is damaged.
//
// Thread: control; a lease may end on any. Errors: std::runtime_error with what an administrator
// can do.
#pragma once

#include "backend/npiv/fc_unit.hpp"
#include "backend/npiv/vport_command.hpp"
#include "backend/npiv/vport_records.hpp"
#include "backend/npiv/wwn_pool.hpp"
#include "common/config/settings.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>

namespace pvscsi::backend::npiv {

/// A LUN that is to be reached through a port of its guest's.
struct VportWish {
    config::VportChoice choice;
    std::string guest;  ///< what it lasts by: "/vm/UUID", or its name where it has none
    std::string domain; ///< its name
    std::string vhost;  ///< its number
    FcUnitName unit;    ///< the target and the LUN; `through` does not count
};

struct VportAccess {
    Wwn through;                       ///< WWPN of the guest's port
    std::shared_ptr<const void> lease; ///< the port stays while anybody has it
    std::string awaited;               ///< what is waited for; empty: the unit is there
};

/// A port of ours, for lists.
struct VportStatus {
    VportRecord record;
    std::string state;  ///< the kernel's; "absent", "being made", "being deleted"
    std::string reason; ///< of one that is not Active; may be empty
    bool in_use = false;
};

class Vports : public std::enable_shared_from_this<Vports> {
  public:
    struct Place {
        std::string folder;   ///< of the record and the pool; outlives a boot
        std::string hostname; ///< for the ports' symbolic names
        FcTree tree{};
        WriteAttribute write = write_attribute;
        std::chrono::milliseconds interval = std::chrono::seconds(1);
        /// How old may be what is known of sysfs: many LUNs may ask at once.
        std::chrono::milliseconds most_age = std::chrono::milliseconds(100);
    };
    /// `settings` may change between two calls.
    Vports(boost::asio::io_context& control, Place place, const config::Settings& settings);
    ~Vports();

    /// To be called once: takes up what a predecessor left.
    void begin();

    /// Looks how far it is, and sees to what is missing. To be called again until nothing is
    /// awaited; the port stays while the lease of the last call is kept.
    [[nodiscard]] VportAccess reach(const VportWish& wish);
    /// The same for all that the port sees: nothing is awaited once it is logged in. Has the kernel
    /// look now and then for LUNs that have come into a mask, which it is not told of.
    [[nodiscard]] VportAccess hold(const VportWish& wish);

    [[nodiscard]] std::vector<VportStatus> list() const;
    /// By hand, for a SAN to be set up for it: it stays until it is deleted by hand, or a guest has
    /// had it.
    void create(const config::VportChoice& choice);
    /// By hand, of a port that nobody has. Throws if it is not ours, or a LUN is open through it.
    void remove(Wwn port);
    /// Of what lasts by this name, or was called so. False: nobody has any. Throws if its port is
    /// there.
    bool release(const std::string& guest);
    [[nodiscard]] const WwnPool& pool() const noexcept { return pool_; }
    [[nodiscard]] std::string prefix() const { return settings_.npiv_pool.value_or(""); }
    [[nodiscard]] const FcTree& tree() const noexcept { return place_.tree; }

  private:
    using Clock = std::chrono::steady_clock;
    class Lease;
    enum class Work : std::uint8_t { none, making, deleting, naming, scanning };

    struct Port {
        VportRecord record;
        std::weak_ptr<const Lease> lease;
        Work work = Work::none;
        std::thread apart;              ///< does it
        Clock::time_point idle_since{}; ///< while there is no lease
        Clock::time_point retry_at{};   ///< not asked again before
        Clock::time_point scan_at{};    ///< nor its target
        Clock::time_point look_at{};    ///< nor all of them
        std::optional<VportRefusal> refusal;
        std::string said;   ///< the last state that was logged
        bool named = false; ///< it has been seen to, since the port was made
    };

    [[nodiscard]] WwnPair names_for(const VportWish& wish);
    Port& port_for(const VportWish& wish, const WwnPair& names);
    static void require_right_owner(const Port& port, const VportWish& wish, const WwnPair& names);
    void require_unused(const VportWish& wish, const WwnPair& names);
    void require_not_given(const VportWish& wish, Wwn name) const;
    [[nodiscard]] Wwn host_port_for(const VportWish& wish);
    [[nodiscard]] std::shared_ptr<const Lease> lease_of(Port& port);
    [[nodiscard]] Port& port_of(const VportWish& wish);
    [[nodiscard]] std::string awaited_login(Port& port, FcVport& vport);
    [[nodiscard]] std::string awaited_unit(Port& port, const FcVport& vport, FcUnitName unit);
    void released(Wwn name);
    void give_name(Port& port, const FcVport& vport);

    void make(Port& port);
    void made(Port& port, const std::optional<VportRefusal>& refusal);
    void remove_idle(Port& port);
    void removed(Port& port, const std::optional<VportRefusal>& refusal);
    void scan(Port& port, const FcRemotePort& target, std::uint64_t lun);
    void scan_all(Port& port, const FcVport& vport);
    void scan(Port& port, unsigned host, std::string what);
    void forget(const Port& port);
    void save() const;
    /// Does it on the port's thread, then `then` on the control thread if this is still there.
    template <class Do, class Then>
    void apart(Port& port, Work work, Do what, Then then);

    void look();
    void look_from_now_on();
    void look_later();
    void hold_commands_of(const FcView& now);
    void tell(Port& port, const std::string& state);
    [[nodiscard]] bool is_idle(const Port& port) const;
    [[nodiscard]] bool is_to_be_made(const Port& port) const;
    /// What sysfs says now, or said a moment ago; until the next call.
    [[nodiscard]] const FcView& view();
    [[nodiscard]] std::chrono::seconds linger() const;

    boost::asio::io_context& control_;
    const Place place_;
    const config::Settings& settings_;
    VportRecords records_;
    WwnPool pool_;
    std::map<std::string, unsigned> held_; ///< by port of the fabric: seconds
    /// Of the pool, by guest and port: its file is not read each time.
    std::map<std::pair<std::string, std::optional<Wwn>>, WwnPair> drawn_;
    FcView view_;
    Clock::time_point viewed_at_{};
    std::string damage_; ///< of the record; empty: none
    std::map<Wwn, Port> ports_;
    boost::asio::steady_timer timer_;
    bool looking_ = false;
};

} // namespace pvscsi::backend::npiv
