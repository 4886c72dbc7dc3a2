// When a guest's life begins and ends for us. It begins before the store is told of the domain: a
// toolstack writes its nodes, builds it or reads its saved memory, introduces it and lets it run.
// Who waits for the introduction comes too late for a restored one, which looks for its devices at
// once.
//
// Thread: the store's. Errors: none; what can't be read is not there. Source: Xen 4.17,
// tools/libs/light/libxl_create.c (libxl__domain_make) and tools/xl/xl_migrate.c (names).
#pragma once

#include "common/hypervisor/store.hpp"

#include <string>

namespace pvscsi::toolstack {

/// What fires when a toolstack begins to make a domain, and when it has given one up: domains'
/// UUIDs, which no guest can write.
inline constexpr auto domains_begin = "/vm";

/// Whether the guest runs, is dying, or is being made. False for a dead one, also while a toolstack
/// has not yet removed its nodes, if `backend` has served it.
[[nodiscard]] bool is_there(hv::Store& store, DomId backend, DomId guest);

/// Whether another domain has the guest's UUID: it migrates within this host.
[[nodiscard]] bool is_there_twice(hv::Store& store, DomId guest);

/// Without what a domain's name ends in while it migrates.
[[nodiscard]] std::string lasting_name(std::string name);

} // namespace pvscsi::toolstack
