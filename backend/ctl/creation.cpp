#include "backend/ctl/creation.hpp"

#include "backend/ctl/common.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

namespace pvscsi::ctl {

namespace {

namespace fs = std::filesystem;

/// xl goes on without us, and has not made the domain yet.
constexpr std::chrono::seconds until_xl_has_named_it{10};

struct Creation {
    bool making = true; ///< also of a mark that makes no sense
    bool whole = false;
    DomId guest{0};
    std::string vm;
};

std::string vm_of(Context& context, DomId guest) {
    return context.store.read(xenbus::domain_path(guest) + "/vm").value_or("");
}

Creation read_creation(const std::string& file) {
    Creation creation;
    std::istringstream lines(read_small_file(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string step;
        DomId::rep number = 0;
        std::string vm;
        words >> step >> number >> vm;
        if (words && (step == "#made" || step == "#whole"))
            creation = {false, step == "#whole", DomId{number}, vm};
    }
    return creation;
}

bool is_young(const std::string& file) {
    std::error_code error;
    const auto written = fs::last_write_time(file, error);
    const auto age = fs::file_time_type::clock::now() - written;
    return !error && age < until_xl_has_named_it && age > -until_xl_has_named_it;
}

void remove_mark(const std::string& file) {
    std::error_code error;
    fs::remove(file, error);
}

class Finish {
  public:
    Finish(Context& context, const std::string& domain)
        : context_(context), domain_(domain), file_(creation_file(context.definitions, domain)) {}

    void run() {
        const Creation creation = read_creation(file_);
        const auto found = context_.domains.find(domain_);
        if (!found) {
            if (!creation.making || !is_young(file_))
                remove_mark(file_);
        } else if (creation.making) {
            making(found->id);
        } else if (found->id != creation.guest || vm_of(context_, found->id) != creation.vm) {
            remove_mark(file_); // a later life
        } else {
            made(creation);
        }
    }

  private:
    void making(DomId found) {
        if (context_.domains.has_run(found)) {
            remove_mark(file_);
            return;
        }
        const std::string name = printable(domain_);
        context_.warn(fmt::format(
            "'pvscsictl create' of domain '{}' was interrupted, and domain {} of that name has not "
            "run, and may lack LUNs: end it with 'pvscsictl destroy {}', or let it run as it is",
            name, found.value(), name));
    }

    void made(const Creation& creation) {
        if (context_.domains.has_run(creation.guest)) {
            remove_mark(file_);
            if (!creation.whole)
                say("somebody has let it run: 'pvscsictl list' shows which LUNs it has");
            return;
        }
        if (creation.whole)
            context_.domains.unpause(creation.guest);
        else
            end_domain(context_, creation.guest);
        remove_mark(file_);
        say(creation.whole ? "it runs now" : "what there was of it is gone now; create it again");
    }

    void say(const char* what) {
        context_.warn(fmt::format("'pvscsictl create' of domain '{}' was interrupted: {}",
                                  printable(domain_), what));
    }

    Context& context_;
    const std::string domain_;
    const std::string file_;
};

} // namespace

std::string creation_file(const std::string& directory, const std::string& domain) {
    return directory + "/" + domain + ".creating";
}

CreationMark::CreationMark(Context& context, const std::string& domain)
    : context_(context), domain_(domain) {
    if (context.definitions.empty())
        return;
    try {
        lock_.emplace(context.definitions, domain);
        take_lock(*lock_, domain, context.patience, context.waiting);
        marked_ = true;
        write("#making\n");
    } catch (const std::system_error& error) {
        marked_ = false;
        context.warn(
            fmt::format("{}: should this be interrupted, nobody will know of it", error.what()));
    }
}

CreationMark::~CreationMark() {
    if (marked_)
        remove_mark(creation_file(context_.definitions, domain_));
}

void CreationMark::made(DomId guest) {
    write(fmt::format("#made {} {}\n", guest.value(), vm_of(context_, guest)));
}

void CreationMark::whole(DomId guest) {
    write(fmt::format("#whole {} {}\n", guest.value(), vm_of(context_, guest)));
}

void CreationMark::write(const std::string& text) {
    if (marked_)
        replace_small_file(creation_file(context_.definitions, domain_),
                           "# Not finished, of pvscsictl create.\n" + text);
}

void end_domain(Context& context, DomId guest) {
    context.domains.destroy(guest);
    for (const DomId backend : domains_that_serve(context.store, context.backend))
        static_cast<void>(remove_guest(context.store, hv::no_transaction, backend, guest));
}

void finish_creation(Context& context, const std::string& domain) {
    if (fs::exists(creation_file(context.definitions, domain)))
        Finish(context, domain).run();
}

} // namespace pvscsi::ctl
