#include "common/config/entry_help.hpp"

#include "common/config/man_text.hpp"
#include "common/config/options.hpp"
#include "common/config/policies.hpp"

#include <algorithm>

namespace pvscsi::config {

namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t indent = 4;
constexpr std::size_t text_column = 22;

constexpr std::string_view vdev_text =
    "what the guest sees: vhost (to 4294967295), channel, target, "
    "LUN (to 65535)";
constexpr std::string_view host_text = "all units of the device's host adapter, the vhost's number "
                                       "being the adapter's; of a vport: all "
                                       "that it sees, as vhost 0";
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

std::string classes_text(const CommandClasses& classes) {
    if (classes == CommandClasses::all())
        return "all classes";
    std::string text;
    for (const CommandClassForm& form : command_classes())
        if (classes.has(form.value))
            text += (text.empty() ? "" : ", ") + std::string(form.name);
    return text;
}

void add_policies(std::string& to) {
    to += R"(.SH POLICIES
A passed-through device gets the commands that its guest may send; another one is refused before the
device sees it, with ILLEGAL REQUEST and INVALID COMMAND OPERATION CODE (5/20/00), INVALID FIELD IN CDB
for a service action or a field of the CDB (5/24/00) or INVALID FIELD IN PARAMETER LIST for what stands
there (5/26/00), the last two with a pointer to the field. It is counted, for
.BR pvscsictl (8),
and logged, every few seconds and at a bounded rate. What has not the length or direction of data that its own
fields say is refused as well (5/24/00), but for the policy
.BR all .
Emulated units have a policy only with
.BR policy= .
.PP
The profiles, and the classes of commands that they allow:
)";
    for (const Profile& profile : profiles())
        add_man_row(to, profile.name,
                    std::string(profile.meaning) + " (" + classes_text(profile.classes) + ")", "");
    to += ".PP\nThe classes, each of what\n";
    for (const CommandClassForm& form : command_classes())
        add_man_row(to, form.name, form.meaning, "");
    to += R"(.PP
Without
.B policy=
a passed-through device has the policy
.BR default .
A host's own policies are in
.BR pvscsid.toml (5).
They are the backend domain's: whether there is one of that name is seen when the unit is opened.
)";
}

void add_ports(std::string& to) {
    to += R"(.SH A PORT OF THE GUEST'S OWN
With
.B vport=
a unit behind a Fibre Channel target port,
.BR fc.<16hex>:<lun> ,
is reached by a port that the guest has on the fabric for itself (NPIV): zones, the target's LUN masks and
persistent reservations count for it alone.
.PP
The port is made before the unit is opened, and is there for as long as the guest, and for some time longer, so that a
reboot does not take it away; a restart of the daemon leaves it as it is. The unit waits for the port to be logged in,
then for the target port, then for the LUN. What has not come in time is
.B failed
in the list, with the state of the port that the kernel tells; when it comes later, the guest is given the
unit then. The times are in
.BR pvscsid.toml (5),
.BR [npiv] ;
.B pvscsictl create
and
.B attach
wait by their own
.BR \-\-timeout ,
which has to be longer for a fabric that takes its time. What a target has under this LUN is remembered
when the guest is first given it, and another unit is not given in its place.
.PP
Names are refused that another guest has, or that any port has that this host can see, for two ports with one
name end each other's logins; and names whose order seems to be wrong: first that of the port (WWPN), then that of the
node (WWNN).
.B pvscsictl vport list
shows the ports and their states, with the host adapter that each has become;
.B pvscsictl vport pool
shows which names guests have of the host's pool. A guest keeps those for ever, by its UUID: as xl gives a domain another
one with each
.B xl create
unless its file says
.BR uuid= ,
have it say so. It has others on each host's port that its
entries name. So a guest with a unit by
.I vport=auto@PORT1
and by
.I vport=auto@PORT2
has two paths to it, which its multipath driver joins.
.PP
With PDEV
.B vport:
and VDEV
.B host
the guest is given all units that the fabric shows to its port, each at the LUN that it has there and at a target number
for each target port, which stays the same for as long as the guest has a unit of it. Units that come into a target's
mask are given to it within a minute. One goes when the kernel has it no more though its target answers; a target that
is away for a while, or the port, takes nothing from the guest. As long as there is no port,
.B pvscsictl list
says why with the vhost, which has this entry alone.
.PP
A unit that several guests reach by ports of their own is several initiators' to the target, as if the guests were
hosts. Whether that is safe is theirs to see to, and no entry can say otherwise: what a target shows each port under
one LUN is not known here.
)";
}

} // namespace

std::string entry_help() {
    std::string text = "An entry is PDEV,VDEV[,BACKEND][,OPTION...]:\n  PDEV\n";
    for (const PdevForm& form : pdev_forms())
        add_row(text, form.form, text_of(form));
    add_row(text, "SIZE", "in bytes, or with K, M, G or T, powers of 1024");
    text += "  VDEV\n";
    add_row(text, "h:c:t:l", vdev_text);
    add_row(text, "host", host_text);
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
Names that the kernel gives anew with each boot, such as /dev/sdb, /dev/sg3, /dev/nvme0n1, /dev/dm\-3,
/dev/loop0, /dev/cdrom or 1:0:2:0, also behind
.B file:
and
.BR iso: ,
are remembered with what lasts of the unit: the name that a SCSI device has of its own (VPD page 83h)
or its serial number, what an NVMe or virtio disk says, the UUID of a volume or RAID, the file of a
loop device; of a partition that of its disk and its number. When they lead to another unit later,
or to one of which nothing lasts, that one is not given to the guest. What never had anything that
lasts is given without being asked.
.SH VDEV
)";
    add_man_row(text, "h:c:t:l", vdev_text, "0:0:1:0");
    add_man_row(text, "host", host_text, "2:0:0:0,host");
    text += R"(.PP
With
.B host
or
.B feature\-host
the guest gets every unit of the host adapter that PDEV is on (any h:c:t:l with the adapter's number will do
if it has none now), each at its own channel, target and LUN, with the entry's options. Units that the adapter gets
later are attached, and those that it loses are detached, by dom0's daemon within seconds. One that cannot be
given, because this host uses it or another guest has it, is in
.B pvscsictl list
with the reason. The vhost has this entry alone. An adapter that comes back elsewhere, or another one that is
given its number, is not followed.
)";
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
    add_policies(text);
    add_ports(text);
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
any of that by another path of the same unit, is refused with any option. So is a file that is swap,
or that a loop device of this host has; who only reads may have it beside a loop device that only
reads.
A tape drive or a changer that a program of this host has open, by any of its nodes, is refused but with
.BR exclusive=no .
.PP
What holds for a backing holds for its parts: a disk and its partitions, the volumes on it, a loop
device and its file, whether they are named as /dev/sg0, /dev/sda1 or file:/dev/sda. Two parts of one
disk are two backings.
.PP
What the guests of one host have to know of a unit that they share:
.IP \(bu 2
A SCSI device sees one initiator, this host, in all of them; what it keeps for an initiator is kept
apart for the guests here. Each has persistent reservations and RESERVE of its own, also against the others, and over a
restart of the daemon; unit attentions are told to each of them. A LUN RESET by one ends the commands of
all, and they are told so. Mode pages, tape positions and trays are the device's and so everybody's.
.IP \(bu 2
Other hosts see one registration in all guests that share a path, with the key of one of them: that of who
holds the reservation, else of one that is registered. Preempting that key preempts them all; the keys of the
others are not to be found, which does not mean that they are fenced. So of a cluster over several hosts have
one guest on each, or give each guest an initiator port of its own by
.BR vport= :
to the SAN they are different initiators then, and nothing has to be kept apart here. REGISTER AND MOVE, SPEC_I_PT and ALL_TG_PT are refused.
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
    text += ".SH SEE ALSO\n.BR xl.cfg (5),\n.BR pvscsid.toml (5),\n.BR pvscsictl (8)\n";
    return text;
}

} // namespace pvscsi::config
