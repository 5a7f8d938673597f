# stint-gdb.py - calls and threads of stint in gdb
#
#       (gdb) source PREFIX/share/stint/stint-gdb.py
#       (gdb) info stint                all calls and threads that live: state, what they wait for, function
#       (gdb) stint bt 12               the stack of thread 12, wherever it is; or of a call, by its address as listed
#       (gdb) stint bt all
#
# Of a process or of a core file. The library must have its debugging information (configured with -g, as by default).
#
# gdb knows only kernel threads. Where what is stopped goes on, its struct arch_context says, so an
# unwinder makes gdb believe that the innermost frame of the selected kernel thread was called by that. Nothing in the process
# is changed, which is why it works with core files, too.

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# as in context.h and thread.h; everything else comes from the debugging information
FREE, READY, RUNNING, TIMED_OUT, PAUSED, COMPLETE, CANCELLED = range(7)
STATES = ("free", "not started", "running", "timed out", "paused", "complete", "cancelled")
MADE = 1
PARKED = (1, 2)


def static_of(function, name):
    """The static variable in the file that defines the function."""
    symbol = gdb.lookup_global_symbol(function) or gdb.lookup_static_symbol(function)
    if symbol is None:
        raise gdb.GdbError("libstint is not loaded, or has no debugging information")
    variable = gdb.lookup_symbol(name, symbol.symtab.static_block())[0]
    if variable is None:
        raise gdb.GdbError("no variable %s beside %s(): another version of libstint?" % (name, function))
    return variable.value()


def walk(first, link="next"):
    while first:
        yield first
        first = first[link]


def slots():
    """Every struct stint that was ever used, as a pointer."""
    stint = gdb.lookup_type("struct stint")
    room = int(gdb.lookup_type("struct stint_thread").sizeof + 63) & ~63
    for cls in walk(static_of("stack_init", "classes")):
        size, count = int(cls["slot_size"]), int(cls["slots_per_slab"])
        for slab in walk(cls["slabs"]):
            base = int(slab["base"])
            for i in range(count):
                if int(slab["made"][i]) & MADE:
                    yield slot(base, size, i, stint, room)


def slot(base, size, i, stint, room):
    """The same arithmetic as slot_stint()."""
    end = base + (i + 1) * size
    return gdb.Value((end - stint.sizeof - ROOM.get(room)) & ~63).cast(stint.pointer())


class Room:
    """THREAD_ROOM is a macro, which debugging information rarely has. It is found by trying: a slot knows where its stack is."""

    def __init__(self):
        self.room = None

    def get(self, least):
        if self.room is None:
            self.room = self.find(least)
        return self.room

    @staticmethod
    def find(least):
        stint = gdb.lookup_type("struct stint")
        for cls in walk(static_of("stack_init", "classes")):
            for slab in walk(cls["slabs"]):
                end = int(slab["base"]) + int(cls["slot_size"])
                if not int(slab["made"][0]) & MADE:
                    continue
                for room in range(least, least + 4096, 64):
                    s = gdb.Value((end - stint.sizeof - room) & ~63).cast(stint.pointer())
                    if s["size_class"] == cls and s["slab"] == slab:
                        return room
        raise gdb.GdbError("the slots of libstint look strange: another version?")


ROOM = Room()


def is_thread(s):
    return bool(s["is_thread"])


def thread_of(s):
    return (s + 1).cast(gdb.lookup_type("struct stint_thread").pointer())


def leaf_of(s):
    """The innermost call of a chain that is stopped."""
    while s["inner"]:
        s = s["inner"]
    return s


def root_of(s):
    while s["parent"]:
        s = s["parent"]
    return s


def kernel_thread(s):
    kt = s["kt"]
    return "on LWP %d" % int(kt["tid"]) if kt else ""


def reason(t):
    try:
        names = static_of("park_reason_name", "reason_names")
        return names[int(t["waits_for"])].string()
    except (gdb.error, gdb.GdbError):
        return "something"


def object_of(t):
    """What a thread waits on: a pointer to the object, or the number of a descriptor."""
    value = int(t["waits_on"])
    return "" if not value else " %d" % value if value < 1 << 20 else " 0x%x" % value


def thread_state(s):
    t = thread_of(s)
    if t["ended"]:
        return "ended"
    note = ", to be cancelled" if t["cancel"] else ""
    if int(t["park_state"]) in PARKED:
        return "waits: " + reason(t) + object_of(t) + note
    if int(t["on_cpu"]):
        return "runs " + kernel_thread(s) + note
    return ("ready" if t["started"] else "ready, not started") + note


def call_state(s):
    state = int(s["state"])
    if state != RUNNING:
        return STATES[state]
    if not s["parent"] and not s["kt"]:
        return STATES[state]
    root = root_of(s)
    if is_thread(root):
        return "in thread %d" % int(thread_of(root)["task"]["id"])
    return "running " + kernel_thread(s)


def has_cpu(s):
    """Whether gdb shows its stack as that of a kernel thread."""
    if is_thread(s):
        t = thread_of(s)
        return bool(int(t["on_cpu"])) and int(t["park_state"]) not in PARKED
    if int(s["state"]) != RUNNING:
        return False
    root = root_of(s)
    return has_cpu(root) if is_thread(root) else bool(root["kt"]) and bool(root["kt"]["current"])


def live():
    return [s for s in slots() if int(s["state"]) != FREE]


def title(s):
    return "thread %d" % int(thread_of(s)["task"]["id"]) if is_thread(s) else "call 0x%x" % int(s)


def function_of(s):
    address = int(s["fn"])
    symbol = gdb.execute("info symbol 0x%x" % address, to_string=True).split(" ")[0]
    return symbol if not symbol.startswith("No") else "0x%x" % address


class InfoStint(gdb.Command):
    """List all calls and threads of stint that live."""

    def __init__(self):
        super().__init__("info stint", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        rows = live()
        rows.sort(key=lambda s: (is_thread(s), int(thread_of(s)["task"]["id"]) if is_thread(s) else int(s)))
        for s in rows:
            state = thread_state(s) if is_thread(s) else call_state(s)
            print("%-24s %-16s %s()  %s" % (title(s), s["name"].string() or "-", function_of(s), state))
        print("%d threads, %d calls" % (sum(map(is_thread, rows)), len(rows) - sum(map(is_thread, rows))))


class StoppedUnwinder(Unwinder):
    """Behind the innermost frame comes, while saved is set, what is stopped there."""

    def __init__(self):
        super().__init__("stint")
        self.saved = None

    def __call__(self, pending):
        if self.saved is None or pending.level() != 0:
            return None
        # gdb wants callers to lie above what they call, so this frame claims to lie just below them
        info = pending.create_unwind_info(FrameId(self.saved["rsp"] - 64, pending.read_register("rip")))
        for name, value in self.saved.items():
            info.add_saved_register(name, value)
        return info


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


def saved_registers(s):
    """Of struct arch_context (arch.h). The function that has left saved the others in its frame, where gdb finds them."""
    long = gdb.lookup_type("unsigned long")
    return dict((name, s["ctx"][field].cast(long)) for name, field in (("rip", "pc"), ("rsp", "sp"), ("rbp", "bp")))


def backtrace(s, arguments):
    print("%s %s" % (title(s), s["name"].string()))
    if has_cpu(s):
        print("    it has the CPU: see thread apply all bt, %s" % kernel_thread(root_of(s)))
        return
    if int(s["state"]) in (COMPLETE, CANCELLED) or (is_thread(s) and thread_of(s)["ended"]):
        print("    it has ended")
        return
    if int(s["state"]) == READY:
        print("    it was not started")
        return
    unwinder.saved = saved_registers(leaf_of(s))
    gdb.invalidate_cached_frames()
    try:
        frames = gdb.execute("bt " + arguments, to_string=True)
    finally:
        unwinder.saved = None
        gdb.invalidate_cached_frames()
    # frame 0 is the kernel thread's own, and a message tells how the unwinding ended
    print("\n".join(line for line in frames.splitlines() if not line.startswith("#0 ")))


class Stint(gdb.Command):
    """Calls and threads of stint."""

    def __init__(self):
        super().__init__("stint", gdb.COMMAND_STACK, prefix=True)


class StintBacktrace(gdb.Command):
    """The stack of a thread, by its number, or of a call, by its address: stint bt NUMBER|0xADDRESS|all [ARGUMENTS of bt]"""

    def __init__(self):
        super().__init__("stint bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, arguments = argument.strip().partition(" ")
        if not which:
            raise gdb.GdbError("which one? A number of a thread, an address of a call, or all; see info stint")
        found = live()
        if which != "all":
            found = [s for s in found if self.is_meant(s, which)]
            if not found:
                raise gdb.GdbError("there is no thread or call %s; see info stint" % which)
        for s in found:
            backtrace(s, arguments)

    @staticmethod
    def is_meant(s, which):
        if which.startswith("0x"):
            return int(s) == int(which, 16)
        return is_thread(s) and which.isdigit() and int(thread_of(s)["task"]["id"]) == int(which)


unwinder = StoppedUnwinder()
register_unwinder(None, unwinder, replace=True)
InfoStint()
Stint()
StintBacktrace()
