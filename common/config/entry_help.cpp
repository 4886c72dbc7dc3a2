#include "common/config/entry_help.hpp"

#include "common/config/man_text.hpp"
#include "common/config/options.hpp"

#include <algorithm>

namespace pvscsi::config {

namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t indent = 4;
constexpr std::size_t text_column = 22;

constexpr std::string_view vdev_text =
    "what the guest sees: vhost (to 4294967295), channel, target, "
    "LUN (to 65535)";
constexpr std::string_view host_text = "the whole host adapter of the device, with all its units";
constexpr std::string_view backend_text =
    "the domain that has the device and runs pvscsid, by name or number; one for all units of a "
    "vhost; default: dom0";

/// A term and what it means, in two columns.
void add_row(std::string& to, std::string_view term, std::string_view text) {
    std::string line = std::string(indent, ' ').append(term);
    if (line.size() + 1 > text_column) {
        to += line + "\n";
        line.clear();
    }
    line.resize(text_column, ' ');
    bool fresh = true;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (!fresh && line.size() + 1 + end > columns) {
            to += line + "\n";
            line.assign(text_column, ' ');
            fresh = true;
        }
        line.append(fresh ? "" : " ").append(text.substr(0, end));
        fresh = false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    to += line + "\n";
}

std::string not_served(std::string_view unserved) {
    return unserved.empty() ? "" : "; this version does not serve " + std::string(unserved);
}

std::string term_of(const OptionForm& form) {
    return std::string(form.name) + (form.value.empty() ? "" : "=") + std::string(form.value);
}

std::string text_of(const PdevForm& form) {
    return std::string(form.meaning) + not_served(form.unserved);
}

std::string text_of(const OptionForm& form) {
    std::string text(form.meaning);
    if (!form.range.empty())
        text += "; " + std::string(form.range);
    return text + "; default: " + std::string(form.fallback) + not_served(form.unserved);
}

void add_man_row(std::string& to, std::string_view term, std::string_view text,
                 std::string_view example) {
    to += ".TP\n.B " + man_text(term) + "\n" + man_text(text) + ".\n";
    if (!example.empty())
        to += "Example:\n.I " + man_text(example) + "\n";
}

} // namespace

std::string entry_help() {
    std::string text = "An entry is PDEV,VDEV[,BACKEND][,OPTION...]:\n  PDEV\n";
    for (const PdevForm& form : pdev_forms())
        add_row(text, form.form, text_of(form));
    add_row(text, "SIZE", "in bytes, or with K, M, G or T, powers of 1024");
    text += "  VDEV\n";
    add_row(text, "h:c:t:l", vdev_text);
    add_row(text, "host", std::string(host_text) + not_served("it"));
    text += "  BACKEND\n";
    add_row(text, "DOMAIN", backend_text);
    text += "  OPTION\n";
    for (const OptionForm& form : option_forms())
        add_row(text, term_of(form), text_of(form));
    text.pop_back();
    return text;
}

std::string entry_manual(const std::string& version, const std::string& date) {
    std::string text = ".TH VSCSI\\-CONFIG 5 " + date + " \"pvscsi " + version + "\"\n";
    text += R"(.SH NAME
vscsi\-config \- SCSI units of a Xen guest, in its xl file
.SH SYNOPSIS
.B vscsi = [ \(aqPDEV,VDEV[,BACKEND][,OPTION...]\(aq, ... ]
.SH DESCRIPTION
Each entry of the list gives the guest one SCSI unit. Blanks around the fields do not matter. A list
with any mistake is not used at all;
.B pvscsictl check \-\-syntax
tells all of them.
.SH PDEV
What serves the unit.
)";
    for (const PdevForm& form : pdev_forms())
        add_man_row(text, form.form, text_of(form), form.example);
    text += R"(.PP
SIZE is in bytes, or with K, M, G or T, powers of 1024; a multiple of 512.
.PP
Names that the kernel gives anew with each boot, such as /dev/sdb, /dev/sg3 or 1:0:2:0, are
remembered with the name that the unit has of its own (VPD page 83h). When they lead to another unit
later, that one is not given to the guest.
.SH VDEV
)";
    add_man_row(text, "h:c:t:l", vdev_text, "0:0:1:0");
    add_man_row(text, "host", std::string(host_text) + not_served("it"), "");
    text += ".SH BACKEND\nA third field that is no option: " + man_text(backend_text) + ".\n";
    text += R"(.PP
It has to be there when the guest gets its units. PDEV is looked for in that domain, and not in dom0:
.B pvscsictl check
does not look at it. When that domain ends, the guest loses these units; they are offered again when a
domain of that name is there, and a guest that was connected has to connect anew: bind its driver
again, or boot. A domain that is named by its number is not waited for.
.SH OPTIONS
)";
    for (const OptionForm& form : option_forms())
        add_man_row(text, term_of(form), text_of(form), form.value.empty() ? "" : form.example);
    text += R"(.SH SHARING
Two systems that write to one disk and do not know of each other destroy what is on it, also if one
of them only mounts it for reading. So a backing that a guest may write to is given away once. Any
number of LUNs may have it with
.BR ro .
.PP
With
.B exclusive=no
on the entry of each, LUNs of several guests, or of one, have a backing together and may write to
it. Such an entry and one without it exclude each other, unless both have
.BR ro .
It is safe for guests that agree among themselves who writes what when, over the network or by what
they write on the disk itself: cluster file systems (GFS2, OCFS2), databases made for shared
disks. It is not safe for ext4, XFS, NTFS, LVM and the like, however seldom they write.
.PP
What this host uses itself, mounted, as swap, as part of a volume group or RAID, under multipath, or
any of that by another path of the same unit, is refused with any option.
.PP
What the guests of one host have to know of a unit that they share:
.IP \(bu 2
A SCSI device sees one initiator, this host, in all of them. Persistent reservations and RESERVE do
not keep them apart, and fencing by them does not work: what one guest has reserved the others write
to, and any of them can release. A unit attention is told to the guest whose command comes first.
A LUN RESET by one ends the commands of all. Mode pages, tape positions and trays are the device's
and so everybody's. To give a guest an initiator port of its own is what
.B vport=
is for, which this version does not serve.
.IP \(bu 2
An emulated disk has no reservations: RESERVE, RELEASE, COMPARE AND WRITE and ORWRITE, which promise
what could not be kept, are not supported where it is shared. Mode pages and unit attentions are
each guest's own; nobody is told what another has set. A new size is told to each.
.IP \(bu 2
What one has written the others read as soon as the command has ended, FUA or not. That it outlasts
a loss of power is only said by FUA and SYNCHRONIZE CACHE, as ever.
.IP \(bu 2
A write that was under way when the daemon died is answered with TRANSPORT DISRUPTED, which Linux
takes for a reason to send it again. On a disk that one guest has alone the next daemon does that
itself; here another guest may have written there since.
.PP
.B ram:
and
.B null:
are each LUN's own, so there is nothing to share.
)";
    text += ".SH SEE ALSO\n.BR xl.cfg (5),\n.BR pvscsictl (8)\n";
    return text;
}

} // namespace pvscsi::config
