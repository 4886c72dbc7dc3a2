#include "tests/npiv/fabric/control.hpp"

#include "common/base/log.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace pvscsi::fabric {

namespace {

struct Wrong {
    std::string why;
};

/// The words of a command, taken one after the other. Throws Wrong.
class Words {
  public:
    Words(Fabric& fabric, std::string_view line) : fabric_(fabric), words_(std::string(line)) {}

    [[nodiscard]] bool more() { return !(words_ >> std::ws).eof(); }
    /// To be called before anything is done.
    void end() {
        if (more())
            throw Wrong{"one word too many: '" + word() + "'"};
    }
    std::string word() {
        std::string word;
        if (!(words_ >> word))
            throw Wrong{"a word is missing"};
        return word;
    }
    template <class Value>
    Value one_of(const std::map<std::string, Value>& choices) {
        const auto said = word();
        const auto found = choices.find(said);
        if (found == choices.end())
            throw Wrong{"unknown word '" + said + "'"};
        return found->second;
    }
    template <class Number>
    Number number(int base = 10) {
        const auto said = word();
        Number value{};
        const auto [end, error] =
            std::from_chars(said.data(), said.data() + said.size(), value, base);
        if (error != std::errc{} || end != said.data() + said.size())
            throw Wrong{"no number: '" + said + "'"};
        return value;
    }
    std::chrono::seconds seconds() { return std::chrono::seconds{number<unsigned>()}; }
    Wwn name() {
        const auto said = word();
        const auto name = wwn_of(said);
        if (!name)
            throw Wrong{"no port name: '" + said + "'"};
        return *name;
    }
    std::optional<Wwn> name_or_any() {
        const auto said = word();
        const auto name = wwn_of(said);
        if (!name && said != "any")
            throw Wrong{"no port name: '" + said + "'"};
        return name;
    }
    LinkIndex link() {
        const auto said = word();
        const auto index = find_link(said);
        if (!index)
            throw Wrong{"no link '" + said + "'"};
        return *index;
    }
    std::optional<LinkIndex> find_link(const std::string& name) const {
        const auto& links = fabric_.links();
        for (LinkIndex i = 0; i < links.size(); ++i)
            if (links[i].name == name)
                return i;
        return {};
    }
    /// A port that is logged in, by its address or its name.
    const Port& port() { return port_of(word()); }
    const Port& port_of(const std::string& said) const {
        const Port* found = nullptr;
        if (const auto id = port_id_of(said))
            found = fabric_.ports().find(*id);
        else if (const auto name = wwn_of(said))
            found = fabric_.ports().find(*name);
        if (found == nullptr)
            throw Wrong{"no port '" + said + "' is logged in"};
        return *found;
    }

  private:
    Fabric& fabric_;
    std::istringstream words_;
};

const std::map<std::string, bool> on_off{{"on", true}, {"off", false}};
const std::map<std::string, bool> up_down{{"up", true}, {"down", false}};
const std::map<std::string, Type> types{
    {"fcp", Type::fcp}, {"els", Type::els}, {"ct", Type::common_transport}};

std::string list_ports(Fabric& fabric, Words& words) {
    words.end();
    std::string text;
    for (const auto& [id, port] : fabric.ports().all())
        text += fmt::format("{} {} {} {} {} {}\n", to_string(id), to_string(port.port),
                            to_string(port.node), fabric.links()[port.link].name,
                            port.target     ? "target"
                            : port.physical ? "physical"
                                            : "virtual",
                            log::escaped(port.symbolic_name));
    return text;
}

std::string show_state(Fabric& fabric, Words& words) {
    words.end();
    auto& faults = fabric.faults();
    std::string text = fmt::format("npiv {}\n", faults.npiv ? "on" : "off");
    for (const auto& link : fabric.links())
        text += fmt::format("port {} {}{}{}{}\n", link.enabled ? "up" : "down", link.name,
                            link.carrier ? "" : " no-carrier",
                            link.loses_advertisements ? " loses-advertisements" : "",
                            link.loses_keep_alives ? " loses-keep-alives" : "");
    for (const auto& fault : faults.logins())
        text += fmt::format("{} {}\n", fault.refusal ? "refuse" : "ignore",
                            fault.port ? to_string(*fault.port) : "any");
    for (const auto& [name, type] : types)
        if (const auto left = faults.left_to_drop(type); left != 0)
            text += fmt::format("drop {} {}\n", name, left);
    if (fabric.zones().on())
        text += "zone on\n";
    for (const auto& [a, b] : fabric.zones().pairs())
        text += fmt::format("zone {} {}\n", to_string(a), to_string(b));
    return text;
}

std::string change_zones(Fabric& fabric, Words& words) {
    const auto verb = words.word();
    if (verb == "off") {
        words.end();
        fabric.rezone([](Zones& zones) { zones.off(); });
        return "";
    }
    if (verb != "add" && verb != "remove")
        throw Wrong{"zone add, zone remove or zone off"};
    const auto a = words.name(), b = words.name();
    words.end();
    bool found = true;
    fabric.rezone([&](Zones& zones) {
        if (verb == "add")
            zones.add(a, b);
        else
            found = zones.remove(a, b);
    });
    if (!found)
        throw Wrong{"there is no such zone"};
    return "";
}

std::string switch_port(Fabric& fabric, Words& words) {
    const bool up = words.one_of(up_down);
    const auto link = words.link();
    words.end();
    fabric.enable(link, up);
    return "";
}

LoginFault with_end(Fabric& fabric, Words& words, LoginFault fault) {
    if (words.more())
        fault.until = fabric.now() + words.seconds();
    words.end();
    return fault;
}

std::string refuse(Fabric& fabric, Words& words) {
    LoginFault fault{words.name_or_any(), {}, {}};
    const auto reason = words.number<std::uint8_t>(16);
    fault.refusal = Refusal{reason, words.number<std::uint8_t>(16)};
    fabric.faults().add(with_end(fabric, words, fault));
    return "";
}

std::string ignore(Fabric& fabric, Words& words) {
    const LoginFault fault{words.name_or_any(), {}, {}};
    fabric.faults().add(with_end(fabric, words, fault));
    return "";
}

std::string accept(Fabric& fabric, Words& words) {
    words.end();
    fabric.faults().accept_all();
    return "";
}

std::string set_npiv(Fabric& fabric, Words& words) {
    const bool on = words.one_of(on_off);
    words.end();
    fabric.faults().npiv = on;
    return "";
}

std::string drop(Fabric& fabric, Words& words) {
    const auto type = words.one_of(types);
    const auto frames = words.number<unsigned>();
    words.end();
    fabric.faults().drop(type, frames);
    return "";
}

std::string freeze(Fabric& fabric, Words& words) {
    const auto seconds = words.seconds();
    words.end();
    fabric.faults().frozen = fabric.now() + seconds;
    return "";
}

std::string lose(Fabric& fabric, Words& words) {
    enum class What { advertisements, keep_alives, nothing };
    const auto what = words.one_of<What>({{"advertisements", What::advertisements},
                                          {"keep-alives", What::keep_alives},
                                          {"nothing", What::nothing}});
    auto& link = fabric.links()[words.link()];
    words.end();
    if (what != What::keep_alives)
        link.loses_advertisements = what == What::advertisements;
    if (what != What::advertisements)
        link.loses_keep_alives = what == What::keep_alives;
    return "";
}

std::string announce(Fabric& fabric, Words& words) {
    const auto what = words.word();
    words.end();
    if (what == "fabric") {
        fabric.announce_fabric();
        return "";
    }
    const auto& port = words.port_of(what);
    if (!port.target)
        throw Wrong{"only targets are announced"};
    fabric.announce(port);
    return "";
}

std::string clear(Fabric& fabric, Words& words) {
    const auto what = words.word();
    words.end();
    if (const auto link = words.find_link(what))
        fabric.clear_all(*link);
    else
        fabric.clear(words.port_of(what).id);
    return "";
}

std::string log_out(Fabric& fabric, Words& words) {
    const auto from = words.port().id, to = words.port().id;
    words.end();
    fabric.log_out(from, to);
    return "";
}

using Verb = std::string (*)(Fabric&, Words&);
const std::map<std::string, Verb> verbs{
    {"list", list_ports}, {"state", show_state}, {"zone", change_zones}, {"port", switch_port},
    {"refuse", refuse},   {"ignore", ignore},    {"accept", accept},     {"npiv", set_npiv},
    {"drop", drop},       {"freeze", freeze},    {"lose", lose},         {"rscn", announce},
    {"relogin", clear},   {"logout", log_out}};

} // namespace

Answer command(Fabric& fabric, std::string_view line) {
    try {
        Words words(fabric, line);
        const auto verb = words.one_of(verbs);
        return verb(fabric, words);
    } catch (const Wrong& wrong) {
        return tl::unexpected<std::string>(wrong.why);
    }
}

} // namespace pvscsi::fabric
