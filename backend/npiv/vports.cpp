#include "backend/npiv/vports.hpp"

#include "backend/npiv/refuse.hpp"

#include "common/base/log.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <utility>

namespace pvscsi::backend::npiv {

/// Whoever has it keeps the port.
class Vports::Lease {
  public:
    Lease(boost::asio::io_context& control, std::weak_ptr<Vports> of, Wwn name)
        : control_(control), of_(std::move(of)), name_(name) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
        boost::asio::post(control_, [of = of_, name = name_] {
            if (const auto vports = of.lock())
                vports->released(name);
        });
    }

  private:
    boost::asio::io_context& control_;
    const std::weak_ptr<Vports> of_;
    const Wwn name_;
};

Vports::Vports(boost::asio::io_context& control, Place place, const config::Settings& settings)
    : control_(control), place_(std::move(place)), settings_(settings),
      records_(place_.folder + "/npiv.vports"), pool_(place_.folder + "/npiv.pool"),
      timer_(control) {}

/// The kernel can't be interrupted: what is under way there is waited for.
Vports::~Vports() {
    for (auto& [name, port] : ports_)
        if (port.apart.joinable())
            port.apart.join();
}

std::chrono::seconds Vports::linger() const {
    return std::chrono::seconds(settings_.npiv_linger.value_or(config::default_npiv_linger));
}

void Vports::begin() {
    try {
        const auto now = Clock::now();
        for (const VportRecord& record : records_.list()) {
            Port& port = ports_[record.names.port];
            port.record = record;
            port.idle_since = now;
        }
    } catch (const std::exception& error) {
        damage_ = error.what();
        log::error("virtual ports are neither made nor deleted: {}", damage_);
    }
    look_from_now_on();
}

Vports::Port& Vports::port_of(const VportWish& wish) {
    if (!damage_.empty())
        throw std::runtime_error(damage_);
    return port_for(wish, names_for(wish));
}

VportAccess Vports::reach(const VportWish& wish) {
    Port& port = port_of(wish);
    FcVport vport;
    VportAccess access{port.record.names.port, lease_of(port), awaited_login(port, vport)};
    if (access.awaited.empty())
        access.awaited = awaited_unit(port, vport, wish.unit);
    return access;
}

VportAccess Vports::hold(const VportWish& wish) {
    Port& port = port_of(wish);
    FcVport vport;
    VportAccess access{port.record.names.port, lease_of(port), awaited_login(port, vport)};
    if (access.awaited.empty())
        scan_all(port, vport);
    return access;
}

std::shared_ptr<const Vports::Lease> Vports::lease_of(Port& port) {
    auto lease = port.lease.lock();
    if (!lease) {
        lease = std::make_shared<const Lease>(control_, weak_from_this(), port.record.names.port);
        port.lease = lease;
    }
    return lease;
}

/// It may have been taken again since.
void Vports::released(Wwn name) {
    const auto place = ports_.find(name);
    if (place != ports_.end() && place->second.lease.expired())
        place->second.idle_since = Clock::now();
}

const FcView& Vports::view() {
    const auto now = Clock::now();
    if (now >= viewed_at_ + place_.most_age) {
        view_ = place_.tree.view();
        viewed_at_ = now;
    }
    return view_;
}

/// What is waited for; empty: nothing, and this is the port.
std::string Vports::awaited_login(Port& port, FcVport& vport) {
    const std::string name = to_string(port.record.names.port);
    if (port.work == Work::making)
        return "the port " + name + " is being made";
    if (port.work == Work::deleting)
        return "the port " + name + " is being deleted, to be made anew";
    const FcVport* const found = view().vport(port.record.names.port);
    if (found == nullptr && port.work != Work::none)
        return "the port " + name + " has gone, and is to be made anew";
    if (found == nullptr) {
        if (port.refusal && !port.refusal->passing && Clock::now() < port.retry_at)
            refuse(port.refusal->why);
        if (Clock::now() >= port.retry_at)
            make(port);
        return port.refusal ? port.refusal->why.reason : "the port " + name + " is being made";
    }
    vport = *found; // the next view() ends what this one has told
    if (vport.names != port.record.names)
        refuse({"somebody else has made a virtual port " + name + " with the WWNN " +
                    to_string(vport.names.node),
                "a port that nobody changes by hand"});
    if (vport.state != VportState::active)
        return fmt::format("the port {} is not logged in to the fabric: {} (before: {})", name,
                           to_string(vport.state), to_string(vport.last_state));
    return {};
}

std::string Vports::awaited_unit(Port& port, const FcVport& vport, FcUnitName unit) {
    unit.through = port.record.names.port;
    if (const auto found = find_fc_unit(place_.tree, view(), unit); found)
        return found->target.online() ? ""
                                      : fmt::format("the target port {} does not answer: {}",
                                                    to_string(unit.target), found->target.state);
    else {
        for (const FcRemotePort& target : view().remote_ports)
            if (target.host == vport.host && target.names.port == unit.target && target.online() &&
                target.is_target() && target.target)
                scan(port, target, unit.lun);
        return found.error().reason;
    }
}

void Vports::tell(Port& port, const std::string& state) {
    if (std::exchange(port.said, state) == state)
        return;
    log::info("vport={} domain={} {}", to_string(port.record.names.port),
              log::escaped(port.record.domain), state);
}

/// For as long as there is any port; not now, as its caller has one in its hands.
void Vports::look_from_now_on() {
    if (!std::exchange(looking_, true))
        look_later();
}

void Vports::look_later() {
    timer_.expires_after(place_.interval);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look();
    });
}

/// The kernel tells nobody of a port's state: it has to be asked.
void Vports::look() {
    looking_ = !ports_.empty();
    if (!looking_)
        return;
    look_later();
    const FcView now = view();
    hold_commands_of(now);
    std::vector<Wwn> idle;
    for (auto& [name, port] : ports_) {
        const FcVport* const vport = now.vport(name);
        if (vport != nullptr && port.work == Work::none)
            tell(port, fmt::format("state=\"{}\"", to_string(vport->state)));
        if (vport != nullptr)
            give_name(port, *vport);
        else if (is_to_be_made(port))
            make(port);
        if (damage_.empty() && is_idle(port))
            idle.push_back(name);
    }
    for (const Wwn name : idle)
        remove_idle(ports_.at(name));
}

std::vector<VportStatus> Vports::list() const {
    std::vector<VportStatus> all;
    const FcView now{{}, place_.tree.vports(), {}};
    for (const auto& [name, port] : ports_) {
        VportStatus status{port.record, "absent", {}, !port.lease.expired()};
        const FcVport* const vport = now.vport(name);
        if (port.work == Work::making)
            status.state = "being made";
        else if (port.work == Work::deleting)
            status.state = "being deleted";
        else if (vport != nullptr)
            status.state = to_string(vport->state);
        else if (port.refusal)
            status.reason = port.refusal->why.reason;
        if (vport != nullptr && vport->state != VportState::active)
            status.reason = fmt::format("before: {}", to_string(vport->last_state));
        all.push_back(std::move(status));
    }
    return all;
}

void Vports::create(const config::VportChoice& choice) {
    if (!damage_.empty())
        throw std::runtime_error(damage_);
    if (ports_.contains(choice.names->port))
        throw std::runtime_error("the port " + to_string(choice.names->port) + " is there already");
    make(port_for({choice, {}, {}, {}, {}}, *choice.names));
}

bool Vports::release(const std::string& guest) {
    std::set<std::string> guests; // of that name there may have been several
    const auto all = pool_.list();
    for (const PoolNames& item : all)
        if (item.guest == guest || item.domain == guest)
            guests.insert(item.guest);
    for (const PoolNames& item : all)
        if (guests.contains(item.guest) && ports_.contains(item.names.port))
            throw std::runtime_error("the port " + to_string(item.names.port) +
                                     " is there; it has to be deleted first");
    drawn_.clear();
    for (const std::string& one : guests)
        (void)pool_.release(one);
    return !guests.empty();
}

void Vports::remove(Wwn name) {
    if (!damage_.empty())
        throw std::runtime_error(damage_);
    const auto place = ports_.find(name);
    if (place == ports_.end())
        throw std::runtime_error("there is no virtual port " + to_string(name) + " of ours");
    if (!place->second.lease.expired())
        throw std::runtime_error("the domain " + log::escaped(place->second.record.domain) +
                                 " uses the port " + to_string(name));
    if (place->second.work != Work::none)
        throw std::runtime_error("the port " + to_string(name) + " is being made or deleted");
    remove_idle(place->second);
}

} // namespace pvscsi::backend::npiv
