// What a pvscsictl that was killed has left, and the next one ends.
#include "backend/ctl/common.hpp"
#include "backend/ctl/creation.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/toolstack/definitions.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace pvscsi::ctl {

namespace {

namespace fs = std::filesystem;
using xenbus::State;

/// What became of one LUN of a change that was interrupted.
enum class Outcome : std::uint8_t { done, not_done, under_way };

/// Guest and daemon may be about to do it yet.
bool is_moving(State back) {
    return back == State::reconfiguring || back == State::reconfigured || back == State::closing ||
           back == State::initialised;
}

void remove(Context& context, const Vhost& vhost, unsigned number) {
    require(hv::transact(
                context.store,
                [&](hv::StoreTxn txn) { return remove_lun(context.store, txn, vhost, number); }),
            "cannot remove " + vhost.back_lun(number));
}

/// `pdev`: of what was to be attached; empty: it was to be detached.
Outcome outcome_of(Context& context, DomId guest, const xenbus::VirtualAddress& vdev,
                   const std::string& pdev) {
    const auto entry = vhost_now(context, served_by(context, guest, DevId{vdev.host}));
    if (entry && is_moving(entry->back))
        return Outcome::under_way;
    const bool attached = !pdev.empty();
    const LunEntry* lun = entry ? entry->find(to_string(vdev)) : nullptr;
    if (attached && lun != nullptr && lun->pdev != pdev)
        lun = nullptr; // the address was taken
    if (lun != nullptr && lun->state == State::closed) {
        // Not opened, or let go of: in neither case does the guest have it.
        remove(context, entry->vhost, lun->number);
        return attached ? Outcome::not_done : Outcome::done;
    }
    return (lun != nullptr) == attached ? Outcome::done : Outcome::not_done;
}

class Interrupted {
  public:
    Interrupted(Context& context, std::string domain)
        : context_(context), domain_(std::move(domain)) {}

    /// False: guest and daemon may do it yet.
    bool finish() {
        const auto pending = read_pending(context_.definitions, domain_);
        if (pending && pending->life)
            return finish_life(*pending->life);
        if (pending && is_link_made(context_.definitions, domain_, *pending))
            return done();
        return dropped();
    }

  private:
    bool finish_life(const Pending::Life& life) {
        const auto vm = context_.store.read(xenbus::domain_path(life.guest) + "/vm");
        if (!vm || *vm != life.vm)
            return dropped();
        std::vector<std::string> attached, detached;
        for (const std::string& entry : life.attached)
            for (const Lun& lun : parse_vscsi({entry}).luns)
                if (!add(outcome_of(context_, life.guest, lun.vdev, lun.pdev_text), entry,
                         attached))
                    return false;
        for (const std::string& text : life.detached)
            if (const auto vdev = parse_vdev(text);
                vdev && !add(outcome_of(context_, life.guest, *vdev, ""), text, detached))
                return false;
        if (attached.empty() && detached.empty())
            return dropped();
        if (attached.size() == life.attached.size())
            return done();
        return finish_part(life, std::move(attached));
    }

    static bool add(Outcome outcome, const std::string& what, std::vector<std::string>& list) {
        if (outcome == Outcome::done)
            list.push_back(what);
        return outcome != Outcome::under_way;
    }

    /// Of several LUNs some have been attached.
    bool finish_part(Pending::Life life, std::vector<std::string> attached) {
        Definitions definitions(context_.definition_files);
        definitions.refresh([](const std::string&) {});
        const std::string* const path =
            definitions.file_of(domain_, life.vm.substr(life.vm.rfind('/') + 1));
        auto changes = read_changes(changes_file(context_.definitions, domain_));
        if (path == nullptr || !changes)
            return dropped();
        const XlFile file = read_xl_file(*path);
        for (const std::string& entry : attached)
            for (const Lun& lun : parse_vscsi({entry}).luns)
                keep_attached(*changes, file, entry, lun.vdev);
        life.attached = std::move(attached);
        write_pending(context_.definitions, domain_, {std::move(life), {}}, *changes);
        return done();
    }

    bool done() {
        commit_pending(context_.definitions, domain_);
        say("finished now");
        return true;
    }
    bool dropped() {
        drop_pending(context_.definitions, domain_);
        say("dropped now");
        return true;
    }
    void say(const char* what) {
        context_.warn(fmt::format("a change of what domain '{}' starts with was interrupted, and "
                                  "is {}",
                                  printable(domain_), what));
    }

    Context& context_;
    const std::string domain_;
};

} // namespace

bool finish_interrupted(Context& context, const std::string& domain) {
    return !fs::exists(pending_file(context.definitions, domain)) ||
           Interrupted(context, domain).finish();
}

namespace {

/// The domains with a file of that ending.
std::vector<std::string> domains_with(const std::string& directory, std::string_view ending) {
    std::error_code error;
    std::vector<std::string> domains;
    for (const auto& file : fs::directory_iterator(directory, error))
        if (std::string name = file.path().filename(); name.ends_with(ending))
            domains.push_back(name.substr(0, name.size() - ending.size()));
    return domains;
}

/// Not if who makes it is at work.
void finish_one(Context& context, const std::string& domain, const std::string& what,
                const std::function<void()>& finish) {
    try {
        DomainLock lock(context.definitions, domain);
        if (lock.take())
            finish();
    } catch (const std::exception& failure) {
        // Who may only look is told what there is.
        context.warn(
            fmt::format("{} was interrupted, and can't be finished: {}", what, failure.what()));
    }
}

} // namespace

void finish_interrupted(Context& context) {
    for (const std::string& domain : domains_with(context.definitions, ".creating"))
        finish_one(context, domain,
                   fmt::format("'pvscsictl create' of domain '{}'", printable(domain)),
                   [&] { finish_creation(context, domain); });
    for (const std::string& domain : domains_with(context.definitions, ".pending"))
        finish_one(context, domain,
                   fmt::format("a change of what domain '{}' starts with", printable(domain)),
                   [&] { static_cast<void>(finish_interrupted(context, domain)); });
}

} // namespace pvscsi::ctl
