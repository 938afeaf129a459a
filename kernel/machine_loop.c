/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread of a machine.
 *
 *	poll ─┬─ channel   records: ticket, hand on, now and then an ECHO
 *	      ├─ console   lines: kept, looked at
 *	      ├─ box       the program has ended
 *	      └─ wake      somebody wants something
 *
 * and after each round the one question: is this the end, and which? A guest
 * always ends here: it tells so, it dies, or its time is over. Whatever the
 * reason, what had been sent before is read to its end.
 */
#include "machine_i.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND_MS    50
#define ECHO_NS	    (2 * NWB_MSEC)
#define CUT_NS	    (10 * NWB_SEC)
#define CONSOLE_MAX (16 * NWB_MIB) /* of a kernel that does not stop talking */
#define LAST_WORDS  (500 * NWB_MSEC) /* of a kernel that is dead */

uint64_t nwb_machine_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t draw(struct nwb_machine *m)
{
	if (m->o.ledger)
		return atomic_fetch_add(&m->o.ledger->hdr->tick, 1);
	return atomic_fetch_add(&m->own_tick, 1) + 1;
}

static void emit(struct nwb_machine *m, const struct nwb_machine_event *ev)
{
	if (m->o.on_event)
		m->o.on_event(m->o.arg, ev);
}

static void say_why(struct nwb_machine *m, const char *fmt, ...)
	nwb_printf(2, 3);

/* The first reason counts. */
static void say_why(struct nwb_machine *m, const char *fmt, ...)
{
	va_list ap;

	if (m->r.why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(m->r.why, sizeof(m->r.why), fmt, ap);
	va_end(ap);
}

/* --- channel -------------------------------------------------------------- */

static bool has_room(struct nwb_machine *m)
{
	bool is;

	pthread_mutex_lock(&m->lock);
	is = !m->out_len;
	pthread_mutex_unlock(&m->lock);
	return is;
}

/* Return: whether it is on its way; not when the guest does not read. */
static bool echo(struct nwb_machine *m, uint64_t now)
{
	struct nwb_machine_event ev = {
		.kind = NWB_MACHINE_EV_ECHO,
		.ticket = draw(m),
		.host_ns = now,
		.nr = m->echo + 1,
	};
	uint8_t le[4] = {(uint8_t)ev.nr, (uint8_t)(ev.nr >> 8),
			 (uint8_t)(ev.nr >> 16), (uint8_t)(ev.nr >> 24)};

	if (!has_room(m))
		return false;
	emit(m, &ev);
	/* Somebody's GO may have come between: then this number was not sent,
	 * and comes again. */
	if (nwb_machine_tell(m, NWB_CHAN_ECHO, le, sizeof(le)))
		return false;
	m->echo = ev.nr;
	m->echo_ns = now;
	return true;
}

static void take_hello(struct nwb_machine *m, const struct nwb_chan_rec *rec)
{
	unsigned int version = 0;
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)nwb_min(rec->len, 200u),
		 (const char *)rec->payload);
	if (sscanf(text, "%u %95s", &version, m->r.release) != 2 ||
	    version != NWB_CHAN_VERSION) {
		m->parser.is_broken = true;
		say_why(m, "the guest's program is of another version");
	}
}

static void take(struct nwb_machine *m, const struct nwb_chan_rec *rec,
		 uint64_t now)
{
	struct nwb_machine_event ev = {
		.kind = NWB_MACHINE_EV_RECORD,
		.ticket = draw(m),
		.host_ns = now,
		.rec = rec,
	};

	if (rec->seq != m->seq + 1 || rec->type >= NWB_CHAN_ECHO) {
		m->parser.is_broken = true;
		say_why(m, "record %llu of the guest came after %llu",
			(unsigned long long)rec->seq,
			(unsigned long long)m->seq);
		return;
	}
	m->seq = rec->seq;
	m->seen = rec->seen;
	if (!m->r.records++)
		m->r.boot_ns = now - m->start_ns;
	else
		m->r.gap_ns = nwb_max(m->r.gap_ns, now - m->last_ns);
	m->last_ns = now;
	m->r.beats += rec->type == NWB_CHAN_BEAT;
	if (rec->type == NWB_CHAN_HELLO)
		take_hello(m, rec);
	if (rec->type == NWB_CHAN_DONE) {
		if (nwb_chan_get_done(rec, &m->r.done))
			m->parser.is_broken = true;
		else
			m->r.end = NWB_MACHINE_DONE;
	}
	emit(m, &ev);
}

static void read_chan(struct nwb_machine *m, uint64_t now)
{
	struct nwb_chan_rec rec;
	bool is_news = false;
	uint8_t *at;

	while (m->r.end == NWB_MACHINE_RUNS && !m->parser.is_broken) {
		size_t room = nwb_chan_room(&m->parser, &at);
		ssize_t n = recv(m->chan, at, room, MSG_DONTWAIT);

		if (n <= 0)
			break; /* nothing, or nobody: the box tells the rest */
		nwb_chan_fed(&m->parser, (size_t)n);
		while (m->r.end == NWB_MACHINE_RUNS &&
		       nwb_chan_next(&m->parser, &rec) == 1) {
			take(m, &rec, now);
			is_news = true;
		}
	}
	if (is_news && !m->cut_ns && now - m->echo_ns >= ECHO_NS)
		(void)echo(m, now);
}

static void flush_out(struct nwb_machine *m)
{
	ssize_t n;

	pthread_mutex_lock(&m->lock);
	if (m->out_len) {
		n = send(m->chan, m->out, m->out_len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			m->out_len -= (size_t)n;
			memmove(m->out, m->out + n, m->out_len);
		}
	}
	pthread_mutex_unlock(&m->lock);
}

/* --- console -------------------------------------------------------------- */

static void take_line(struct nwb_machine *m, const char *line, uint64_t now)
{
	struct nwb_machine_event ev = {
		.kind = NWB_MACHINE_EV_CONSOLE,
		.host_ns = now,
		.line = line,
	};
	size_t len = strlen(m->r.excerpt);

	switch (nwb_console_kind(line)) {
	case NWB_CONSOLE_DEAD:
		say_why(m, "%s", line);
		if (!m->dead_ns)
			m->dead_ns = now;
		break;
	case NWB_CONSOLE_INIT:
		say_why(m, "%s", line);
		break;
	case NWB_CONSOLE_WARNS:
		m->r.suspicious++;
		break;
	case NWB_CONSOLE_PLAIN:
		break;
	}
	/* Of a dead one: from where it began to die. */
	if (m->dead_ns)
		snprintf(m->r.excerpt + len, sizeof(m->r.excerpt) - len, "%s\n",
			 line);
	emit(m, &ev);
}

static void read_console(struct nwb_machine *m, uint64_t now)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(m->con, buf, sizeof(buf))) > 0) {
		m->log_len += (uint64_t)n;
		if (m->log && m->log_len <= CONSOLE_MAX &&
		    fwrite(buf, 1, (size_t)n, m->log) != (size_t)n)
			say_why(m, "the console cannot be written to its file");
		for (ssize_t i = 0; i < n; i++) {
			const char *line =
				nwb_console_byte(&m->console, buf[i]);

			if (line)
				take_line(m, line, now);
		}
	}
}

/* --- the end -------------------------------------------------------------- */

static void want_cut(struct nwb_machine *m, uint64_t now)
{
	bool is_wanted;

	pthread_mutex_lock(&m->lock);
	is_wanted = m->want_cut;
	pthread_mutex_unlock(&m->lock);
	if (!is_wanted || m->cut_echo)
		return;
	if (!m->cut_ns)
		m->cut_ns = now;
	/* It must be one that left after the cable was out. */
	if (echo(m, now))
		m->cut_echo = m->echo;
}

static bool wants_stop(struct nwb_machine *m)
{
	bool is;

	pthread_mutex_lock(&m->lock);
	is = m->want_stop;
	pthread_mutex_unlock(&m->lock);
	return is;
}

/* Too late, too long. */
static enum nwb_machine_end overdue(struct nwb_machine *m, uint64_t now)
{
	if (!m->r.records && now - m->start_ns > m->o.boot_ns) {
		say_why(m, "no sign of life within %llu s of the start",
			(unsigned long long)(m->o.boot_ns / NWB_SEC));
		return NWB_MACHINE_HUNG;
	}
	if (m->r.records && now - m->last_ns > m->o.hung_ns) {
		say_why(m, "no sign of life for %llu s",
			(unsigned long long)(m->o.hung_ns / NWB_SEC));
		return NWB_MACHINE_HUNG;
	}
	if (now - m->start_ns > m->o.limit_ns) {
		say_why(m, "the job has not ended within %llu s",
			(unsigned long long)(m->o.limit_ns / NWB_SEC));
		return NWB_MACHINE_STUCK;
	}
	return NWB_MACHINE_RUNS;
}

static enum nwb_machine_end decide(struct nwb_machine *m, uint64_t now,
				   bool is_dead)
{
	if (m->r.end != NWB_MACHINE_RUNS && !m->dead_ns)
		return m->r.end;
	if (m->dead_ns)
		return is_dead || now - m->dead_ns > LAST_WORDS
			       ? NWB_MACHINE_PANIC
			       : NWB_MACHINE_RUNS;
	if (wants_stop(m))
		return NWB_MACHINE_STOPPED;
	if (m->parser.is_broken) {
		say_why(m, "what came through the channel is no record");
		return NWB_MACHINE_BROKEN;
	}
	if (m->cut_ns) {
		m->r.is_cut_clean = m->cut_echo && m->seen >= m->cut_echo;
		if (m->r.is_cut_clean || is_dead || now - m->cut_ns > CUT_NS)
			return NWB_MACHINE_POWEROFF;
		return NWB_MACHINE_RUNS;
	}
	if (is_dead) {
		say_why(m, "the guest ended by itself (%s %d)",
			WIFSIGNALED(m->r.status) ? "signal" : "status",
			WIFSIGNALED(m->r.status) ? WTERMSIG(m->r.status)
						 : WEXITSTATUS(m->r.status));
		return NWB_MACHINE_DIED;
	}
	return overdue(m, now);
}

static void finish(struct nwb_machine *m, enum nwb_machine_end end)
{
	uint64_t now = nwb_machine_now();

	nwb_box_kill(m->box);
	/* What it had sent before. Not that of a DONE: nothing is behind it. */
	m->r.end = NWB_MACHINE_RUNS;
	if (end != NWB_MACHINE_DONE)
		read_chan(m, now);
	read_console(m, now);
	m->r.end = end;
	m->r.total_ns = now - m->start_ns;
	if (!m->r.excerpt[0] && end != NWB_MACHINE_DONE)
		nwb_console_excerpt(&m->console, m->r.excerpt,
				    sizeof(m->r.excerpt));
	if (m->log && fclose(m->log))
		say_why(m, "the console cannot be written to its file");
	m->log = NULL;
	emit(m, &(struct nwb_machine_event){.kind = NWB_MACHINE_EV_END,
					    .host_ns = now});
	pthread_mutex_lock(&m->lock);
	m->has_ended = true;
	pthread_cond_broadcast(&m->ended);
	pthread_mutex_unlock(&m->lock);
}

static void wait_news(struct nwb_machine *m, bool is_dead)
{
	struct pollfd p[] = {
		{.fd = m->chan, .events = POLLIN},
		{.fd = m->con, .events = POLLIN},
		{.fd = m->wake, .events = POLLIN},
		{.fd = is_dead ? -1 : nwb_box_event(m->box), .events = POLLIN},
	};
	uint64_t some;

	pthread_mutex_lock(&m->lock);
	if (m->out_len)
		p[0].events |= POLLOUT;
	pthread_mutex_unlock(&m->lock);
	/* A closed end is always ready: then the time alone wakes us. */
	if (is_dead)
		p[0].fd = p[1].fd = -1;
	(void)poll(p, NWB_ARRAY_SIZE(p), ROUND_MS);
	if ((p[2].revents & POLLIN) && read(m->wake, &some, sizeof(some)) < 0)
		return;
}

void *nwb_machine_loop(void *arg)
{
	struct nwb_machine *m = arg;
	enum nwb_machine_end end;
	bool is_dead = false;

	do {
		struct pollfd box = {.fd = nwb_box_event(m->box),
				     .events = POLLIN};
		uint64_t now;
		int rc;

		wait_news(m, is_dead);
		now = nwb_machine_now();
		m->r.harness_gap_ns =
			nwb_max(m->r.harness_gap_ns, now - m->loop_ns);
		m->loop_ns = now;
		/* First whether it is dead, then what it has said: so nothing
		 * of it is missed. */
		if (!is_dead && poll(&box, 1, 0) > 0) {
			rc = nwb_box_died(m->box, &m->r.status);
			is_dead = rc != 0;
		}
		read_chan(m, now);
		read_console(m, now);
		want_cut(m, now);
		flush_out(m);
		end = decide(m, now, is_dead);
	} while (end == NWB_MACHINE_RUNS);
	finish(m, end);
	return NULL;
}
