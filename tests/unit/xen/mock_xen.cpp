#include "tests/unit/xen/mock_xen.hpp"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" {
#include <xenevtchn.h>
#include <xengnttab.h>
}

struct xengntdev_handle {
    int fd;
    std::map<void*, std::size_t> mapped;
};
struct xenevtchn_handle {
    int fd;
    int port;
    bool masked;
};

namespace mock {

Xen xen;

void reset() {
    xen = Xen{};
}

std::shared_ptr<Page> Xen::grant(std::uint32_t domain, std::uint32_t ref, bool writable) {
    auto page = std::make_shared<Page>();
    grants[{domain, ref}] = {page, writable};
    return page;
}

void Xen::raise() const {
    eventfd_write(newest_event_fd, 1);
}

namespace {

bool fails() {
    if (++xen.calls != xen.fail_at)
        return false;
    errno = xen.fail_error;
    return true;
}

int refuse(int error) {
    errno = error;
    return -1;
}

/// As Xen judges a copy: general error for a grant that does not permit it.
std::int16_t judge(std::uint32_t domain, std::uint32_t ref, bool write) {
    if (const auto forced = xen.forced_status.find(ref); forced != xen.forced_status.end())
        return forced->second;
    if (!xen.domains.contains(domain))
        return GNTST_bad_domain;
    const auto grant = xen.grants.find({domain, ref});
    if (grant == xen.grants.end() || (write && !grant->second.writable))
        return GNTST_general_error;
    return GNTST_okay;
}

void copy_one(xengnttab_grant_copy_segment& segment) {
    const bool reads = segment.flags == GNTCOPY_source_gref;
    const auto& foreign = reads ? segment.source.foreign : segment.dest.foreign;
    segment.status = judge(foreign.domid, foreign.ref, !reads);
    if (segment.status != GNTST_okay)
        return;
    unsigned char* page = xen.grants[{foreign.domid, foreign.ref}].page->bytes.data();
    if (reads)
        std::memcpy(segment.dest.virt, page + foreign.offset, segment.len);
    else
        std::memcpy(page + foreign.offset, segment.source.virt, segment.len);
}

xengntdev_handle* open_memory_device() {
    if (fails())
        return nullptr;
    ++xen.handles;
    return new xengntdev_handle{::open("/dev/null", O_RDWR), {}};
}

int close_memory_device(xengntdev_handle* handle) {
    --xen.handles;
    xen.mappings -= static_cast<int>(handle->mapped.size());
    ::close(handle->fd);
    delete handle;
    return 0;
}

void* map_memory(xengntdev_handle* handle, std::size_t pages) {
    void* address =
        ::mmap(nullptr, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle->mapped[address] = pages;
    ++xen.mappings;
    return address;
}

int unmap_memory(xengntdev_handle* handle, void* address, std::size_t pages) {
    const auto mapping = handle->mapped.find(address);
    if (mapping == handle->mapped.end() || mapping->second != pages)
        return refuse(EINVAL);
    handle->mapped.erase(mapping);
    --xen.mappings;
    return ::munmap(address, pages * 4096);
}

} // namespace
} // namespace mock

using mock::xen;

extern "C" {

xengnttab_handle* xengnttab_open(xentoollog_logger*, unsigned) {
    return mock::open_memory_device();
}
int xengnttab_close(xengnttab_handle* handle) {
    return mock::close_memory_device(handle);
}

void* xengnttab_map_domain_grant_refs(xengnttab_handle* handle, std::uint32_t count,
                                      std::uint32_t domain, std::uint32_t* refs, int protection) {
    if (mock::fails())
        return nullptr;
    if (count > xen.map_limit) {
        errno = EINVAL;
        return nullptr;
    }
    for (std::uint32_t i = 0; i < count; ++i)
        if (mock::judge(domain, refs[i], (protection & PROT_WRITE) != 0) != GNTST_okay) {
            errno = EINVAL;
            return nullptr;
        }
    auto* address = static_cast<unsigned char*>(mock::map_memory(handle, count));
    for (std::uint32_t i = 0; i < count; ++i)
        std::memcpy(address + i * 4096, xen.grants[{domain, refs[i]}].page->bytes.data(), 4096);
    ::mprotect(address, count * 4096, protection);
    return address;
}

int xengnttab_unmap(xengnttab_handle* handle, void* address, std::uint32_t count) {
    return mock::unmap_memory(handle, address, count);
}

int xengnttab_grant_copy(xengnttab_handle*, std::uint32_t count,
                         xengnttab_grant_copy_segment_t* segments) {
    if (mock::fails())
        return -1;
    if (!xen.has_grant_copy)
        return mock::refuse(ENOTTY);
    xen.copies.push_back(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const bool reads = segments[i].flags == GNTCOPY_source_gref;
        const auto& foreign = reads ? segments[i].source.foreign : segments[i].dest.foreign;
        if (foreign.offset + segments[i].len > 4096)
            return mock::refuse(EINVAL);
        mock::copy_one(segments[i]);
    }
    return 0;
}

xengntshr_handle* xengntshr_open(xentoollog_logger*, unsigned) {
    return mock::open_memory_device();
}
int xengntshr_close(xengntshr_handle* handle) {
    return mock::close_memory_device(handle);
}
int xengntshr_fd(xengntshr_handle* handle) {
    return handle->fd;
}

void* xengntshr_share_pages(xengntshr_handle* handle, std::uint32_t domain, int count,
                            std::uint32_t* refs, int writable) {
    if (mock::fails())
        return nullptr;
    if (xen.shared_pages + static_cast<std::size_t>(count) > xen.page_limit) {
        errno = ENOSPC;
        return nullptr;
    }
    for (int i = 0; i < count; ++i)
        refs[i] = domain * 1000 + static_cast<std::uint32_t>(i) + (writable != 0 ? 500 : 0);
    xen.shared_pages += static_cast<std::size_t>(count);
    return mock::map_memory(handle, static_cast<std::size_t>(count));
}

int xengntshr_unshare(xengntshr_handle* handle, void* address, std::uint32_t count) {
    if (mock::fails())
        return -1;
    xen.shared_pages -= count;
    return mock::unmap_memory(handle, address, count);
}

xenevtchn_handle* xenevtchn_open(xentoollog_logger*, unsigned) {
    if (mock::fails())
        return nullptr;
    ++xen.handles;
    xen.newest_event_fd = ::eventfd(0, 0);
    return new xenevtchn_handle{xen.newest_event_fd, 0, false};
}

int xenevtchn_close(xenevtchn_handle* handle) {
    --xen.handles;
    ::close(handle->fd);
    delete handle;
    return 0;
}
int xenevtchn_fd(xenevtchn_handle* handle) {
    return handle->fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle* handle,
                                                      std::uint32_t domain) {
    if (mock::fails())
        return -1;
    if (!xen.domains.contains(domain))
        return mock::refuse(ESRCH);
    xen.bound.emplace_back(domain, 0);
    return handle->port = 31;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle* handle, std::uint32_t domain,
                                                     evtchn_port_t remote) {
    if (mock::fails())
        return -1;
    if (!xen.domains.contains(domain))
        return mock::refuse(ESRCH);
    xen.bound.emplace_back(domain, remote);
    return handle->port = 32;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle* handle) {
    if (mock::fails())
        return -1;
    std::uint64_t events = 0;
    // The file's own flags decide whether this blocks.
    if (handle->masked || ::read(handle->fd, &events, sizeof events) != sizeof events)
        return mock::refuse(EAGAIN);
    handle->masked = true;
    return handle->port;
}

int xenevtchn_unmask(xenevtchn_handle* handle, evtchn_port_t port) {
    if (mock::fails() || static_cast<int>(port) != handle->port)
        return -1;
    handle->masked = false;
    ++xen.unmasked;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle* handle, evtchn_port_t port) {
    if (mock::fails() || static_cast<int>(port) != handle->port)
        return -1;
    ++xen.notified;
    return 0;
}

} // extern "C"
