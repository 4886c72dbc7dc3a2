#include "backend/toolstack/vhost_record.hpp"

#include "backend/toolstack/node_writer.hpp"
#include "backend/toolstack/remove_node.hpp"

#include <algorithm>
#include <limits>

namespace pvscsi::toolstack {

namespace {

constexpr std::string_view lun_prefix = "dev-";

std::string records_path(DomId guest) {
    return xenbus::domain_path(guest) + "/pvscsi";
}
std::string record_path(DomId guest, DevId device) {
    return records_path(guest) + "/" + std::to_string(device.value());
}
std::string lun_name(unsigned number) {
    return std::string(lun_prefix) + std::to_string(number);
}

/// Dom0's alone.
NodeWriter writer(hv::Store& store, hv::StoreTxn txn, const std::string& path) {
    return {store, txn, path, {{toolstack_domain, false, false}}};
}

bool is_missing(const std::error_code& error) {
    return error == std::errc::no_such_file_or_directory;
}

Result<std::vector<std::string>> children(hv::Store& store, hv::StoreTxn txn,
                                          const std::string& path) {
    auto names = store.list(path, txn);
    if (!names && is_missing(names.error()))
        return std::vector<std::string>{};
    return names;
}

Result<void> read_lun(hv::Store& store, hv::StoreTxn txn, const std::string& path,
                      const std::string& name, VhostRecord& record) {
    if (!std::string_view(name).starts_with(lun_prefix))
        return {};
    const auto number = xenbus::parse_number(std::string_view(name).substr(lun_prefix.size()),
                                             std::numeric_limits<unsigned>::max());
    const auto entry = store.read(path + "/" + name, txn);
    if (!entry)
        return unexpected(entry.error());
    auto list = parse_vscsi({*entry});
    if (number && list.mistakes.empty())
        record.luns.emplace(static_cast<unsigned>(*number), std::move(list.luns.front()));
    return {};
}

} // namespace

Result<void> record_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                          const std::string& backend) {
    const auto parent = writer(store, txn, records_path(vhost.guest)).result();
    if (!parent)
        return parent;
    return writer(store, txn, record_path(vhost.guest, vhost.device))
        .node("backend", backend)
        .node("backend-id", std::to_string(vhost.backend.value()))
        .result();
}

Result<void> record_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number,
                        const Lun& lun) {
    return writer(store, txn, record_path(vhost.guest, vhost.device))
        .node(lun_name(number), to_entry(lun))
        .result();
}

Result<void> forget_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number) {
    return remove_if_there(store, txn,
                           record_path(vhost.guest, vhost.device) + "/" + lun_name(number));
}

Result<void> forget_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    return remove_if_there(store, txn, record_path(vhost.guest, vhost.device));
}

Result<std::optional<VhostRecord>> read_record(hv::Store& store, hv::StoreTxn txn, DomId guest,
                                               DevId device) {
    const std::string path = record_path(guest, device);
    const auto names = children(store, txn, path);
    if (!names)
        return unexpected(names.error());
    const auto number = store.read(path + "/backend-id", txn);
    if (!number && !is_missing(number.error()))
        return unexpected(number.error());
    const auto id = number ? xenbus::parse_number(*number, 0x7fef) : std::nullopt;
    if (!id)
        return std::optional<VhostRecord>{};
    VhostRecord record{{DomId{static_cast<DomId::rep>(*id)}, guest, device},
                       store.read(path + "/backend", txn).value_or(""),
                       {}};
    for (const std::string& name : *names)
        if (auto read = read_lun(store, txn, path, name, record); !read)
            return unexpected(read.error());
    return std::optional(std::move(record));
}

std::vector<VhostRecord> read_records(hv::Store& store, DomId guest) {
    std::vector<VhostRecord> records;
    const auto names = store.list(records_path(guest));
    if (!names)
        return records;
    for (const std::string& name : *names) {
        const auto device = xenbus::parse_number(name, std::numeric_limits<DevId::rep>::max());
        if (!device)
            continue;
        // What vanishes meanwhile is left out.
        auto record =
            read_record(store, hv::no_transaction, guest, DevId{static_cast<DevId::rep>(*device)});
        if (record && *record)
            records.push_back(std::move(**record));
    }
    std::sort(records.begin(), records.end(), [](const VhostRecord& a, const VhostRecord& b) {
        return a.vhost.device < b.vhost.device;
    });
    return records;
}

Result<bool> has_records(hv::Store& store, hv::StoreTxn txn, DomId guest) {
    const auto names = children(store, txn, records_path(guest));
    if (!names)
        return unexpected(names.error());
    return !names->empty();
}

} // namespace pvscsi::toolstack
