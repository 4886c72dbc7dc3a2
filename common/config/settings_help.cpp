#include "common/config/settings_help.hpp"

#include "common/config/man_text.hpp"
#include "common/config/settings_keys.hpp"

#include <array>

namespace pvscsi::config {

namespace {

constexpr std::size_t columns = 100;

struct Table {
    std::string_view name;
    std::string_view meaning;
    std::string_view title{};   ///< in the manual, if it is not the name
    std::string_view example{}; ///< of a title
};

std::string_view title_of(const Table& table) {
    return table.title.empty() ? table.name : table.title;
}
std::string_view example_of(const Table& table) {
    return table.example.empty() ? table.name : table.example;
}

constexpr std::array tables{
    Table{"daemon",
          "How the daemon runs. What its command line says goes before this. Read when it "
          "starts, and not again but for max-timeout"},
    Table{"allow",
          "What entries may name. An entry that names something else is refused, or not "
          "served, with the reason in the node error. Without a key everything may be "
          "named. In a pattern, as of glob(7), no * or ? stands for a slash. Read again by "
          "systemctl reload pvscsid, for LUNs that are opened from then on"},
    Table{"inject",
          "Faults on purpose. Not on a host whose data are needed. Read again by systemctl "
          "reload pvscsid"},
    Table{"domains", "The domains that get their units without pvscsictl create. Those that "
                     "pvscsictl define has made known come in addition. Read again by systemctl "
                     "reload pvscsid"},
    Table{"npiv",
          "Fibre Channel ports of guests' own: vport= in vscsi-config(5). Read again by systemctl "
          "reload pvscsid"},
    Table{"iscsi",
          "How units of iSCSI targets, iscsi:// in vscsi-config(5), are logged in to. Read again "
          "by systemctl reload pvscsid, for LUNs that are opened from then on. The service has no "
          "network unless it is given one: pvscsid(8)"},
    Table{policy_table,
          "A policy of this host's own, which an entry asks for by policy=NAME; profiles and "
          "classes of commands are in vscsi-config(5). Any number of such tables. Read again by "
          "systemctl reload pvscsid, for LUNs that are opened from then on",
          "policy.NAME", "policy.archive"},
};

/// Wrapped, each line after `start`.
void add_comment(std::string& to, std::string_view start, std::string_view text) {
    std::string line(start);
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (line.size() > start.size() && line.size() + 1 + end > columns) {
            to += line + "\n";
            line = start;
        }
        line.append(" ").append(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    to += line + "\n";
}

/// Each word of a manual's line that has quotes in it is one argument for the macro.
std::string man_argument(std::string_view text) {
    std::string result;
    for (const char c : man_text(text))
        result += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return "\"" + result + "\"";
}

void add_key(std::string& to, const SettingsKey& key) {
    to += ".TP\n.BI " + man_argument(std::string(key.name) + " = ") + " value\n";
    to += man_text(key.meaning) + ".\n";
    to += "It is " + man_text(key.value.expected) + ";\ndefault: " + man_text(key.fallback) + ".\n";
}

} // namespace

std::string settings_manual(const std::string& version, const std::string& date) {
    std::string text = ".TH PVSCSID.TOML 5 " + date + " \"pvscsi " + version + "\"\n";
    text += R"(.SH NAME
pvscsid.toml \- settings of pvscsid, the daemon that serves SCSI units to Xen guests
.SH SYNOPSIS
.I /etc/pvscsi/pvscsid.toml
.SH DESCRIPTION
What belongs to the host and not to one of its domains, in TOML 1.0. The file may be missing, and so
may every key in it. A file with any mistake is not used at all: the daemon does not start, or, when
it reads the file again, keeps what it had; each mistake is logged with its line, and with what would
be right.
.PP
With an embedded host, of
.BR pvscsi\-hostd (8),
the file is
.I pvscsid.toml
in its directory.
)";
    for (const Table& table : tables) {
        text += ".SH [" + man_text(title_of(table)) + "]\n" + man_text(table.meaning) + ".\n";
        for (const SettingsKey& key : settings_keys())
            if (key.table == table.name)
                add_key(text, key);
    }
    text += ".SH EXAMPLE\n.nf\n";
    for (const Table& table : tables) {
        text += "[" + man_text(example_of(table)) + "]\n";
        for (const SettingsKey& key : settings_keys())
            if (key.table == table.name)
                text += man_text(std::string(key.name) + " = " + std::string(key.example)) + "\n";
    }
    text += ".fi\n.SH SEE ALSO\n.BR pvscsid (8),\n.BR pvscsictl (8),\n.BR vscsi\\-config (5)\n";
    return text;
}

std::string settings_example() {
    std::string text;
    add_comment(text, "#",
                "Settings of pvscsid: pvscsid.toml(5). Every line is optional; what "
                "stands here in comments are examples, not the defaults.");
    for (const Table& table : tables) {
        text += "\n";
        add_comment(text, "#", std::string(table.meaning) + ".");
        text += "[" + std::string(example_of(table)) + "]\n";
        for (const SettingsKey& key : settings_keys()) {
            if (key.table != table.name)
                continue;
            add_comment(text, "#",
                        std::string(key.meaning) + ": " + key.value.expected +
                            "; default: " + std::string(key.fallback) + ".");
            text += "#" + std::string(key.name) + " = " + std::string(key.example) + "\n";
        }
    }
    return text;
}

} // namespace pvscsi::config
