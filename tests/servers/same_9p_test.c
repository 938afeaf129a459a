/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 9P fake against diod.
 */
#include "hand_9p.h"
#include "nwb_test.h"
#include "same.h"
#include <errno.h>

static void call(struct trace *t, struct hand *h, const char *what,
		 struct nwb_p9_msg *m)
{
	trace_add(t, what, hand_call(h, m));
}

/* Errno of the answer to what was sent, -1 when the connection ended. */
static void answer(struct trace *t, struct hand *h, const char *what)
{
	if (hand_recv(h))
		trace_add(t, what, -1);
	else if (h->rsp.type == NWB_P9_RLERROR)
		trace_add(t, what, h->rsp.rlerror.ecode);
	else
		trace_add(t, what, 0);
}

static void begin(struct hand *h, struct nwb_exec *ex, struct nwb_dialer *d,
		  const char *export, const char *name)
{
	hand_init(h, ex);
	h->aname = export;
	if (name)
		hand_open(h, d, name);
	else
		nwb_check_eq(hand_dial(h, d), 0);
}

static void sizes(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		  const char *export)
{
	struct nwb_p9_msg v = {.type = NWB_P9_TVERSION};
	struct nwb_p9_msg g = {.type = NWB_P9_TGETATTR};
	struct hand h;

	begin(&h, ex, d, export, NULL);
	hand_attach(&h, 8 << 20);
	trace_add(t, "msize of 8 MiB", h.msize);
	hand_fini(&h);
	begin(&h, ex, d, export, NULL);
	v.version.msize = 65536;
	v.version.version = nwb_p9_str("9P1999");
	call(t, &h, "unknown version", &v);
	hand_fini(&h);
	begin(&h, ex, d, export, "f");
	hand_write(&h, 3, 0, 65512, 'x');
	answer(t, &h, "largest write");
	trace_add(t, "its count", h.rsp.rwrite.count);
	g.tgetattr.fid = HAND_FID;
	call(t, &h, "getattr", &g);
	trace_add(t, "size", (long long)h.rsp.rgetattr.size);
	hand_write(&h, 3, 0, 65513, 'x');
	answer(t, &h, "one byte more");
	hand_write(&h, 3, 0, 65514, 'x');
	answer(t, &h, "frame of msize + 1");
	hand_fini(&h);
}

NWB_TEST(same_9p, sizes)
{
	same_on_both(sizes, NWB_FAKE_9P, "diod");
}

static void fids(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		 const char *export)
{
	struct nwb_p9_msg w = {.type = NWB_P9_TWALK};
	struct nwb_p9_msg o = {.type = NWB_P9_TLOPEN};
	struct nwb_p9_msg r = {.type = NWB_P9_TREAD};
	struct nwb_p9_msg c = {.type = NWB_P9_TCLUNK};
	struct hand h;

	begin(&h, ex, d, export, "f");
	w.twalk.fid = HAND_ROOT;
	w.twalk.newfid = 9;
	w.twalk.nwname = 1;
	w.twalk.wname[0] = nwb_p9_str("missing");
	call(t, &h, "walk to nothing", &w);
	w.twalk.wname[0] = nwb_p9_str("f");
	call(t, &h, "walk", &w);
	trace_add(t, "names walked", h.rsp.rwalk.nwqid);
	call(t, &h, "walk to a fid in use", &w);
	r.tread.fid = 9;
	r.tread.count = 10;
	call(t, &h, "read before open", &r);
	o.tlopen.fid = 9;
	o.tlopen.flags = NWB_P9_DOTL_RDWR | NWB_P9_DOTL_TRUNC;
	call(t, &h, "open", &o);
	trace_add(t, "iounit", h.rsp.rlopen.iounit);
	call(t, &h, "read the empty file", &r);
	trace_add(t, "bytes", h.rsp.rread.count);
	trace_add(t, "fsync", hand_fsync(&h));
	c.tclunk.fid = 9;
	call(t, &h, "clunk", &c);
	call(t, &h, "clunk again", &c);
	call(t, &h, "read after clunk", &r);
	hand_tflush(&h, 4, 99);
	answer(t, &h, "flush of nothing");
	hand_fini(&h);
}

NWB_TEST(same_9p, fids)
{
	same_on_both(fids, NWB_FAKE_9P, "diod");
}

static void misuse(struct trace *t, struct nwb_exec *ex, struct nwb_dialer *d,
		   const char *export)
{
	struct nwb_p9_msg a = {.type = NWB_P9_TATTACH};
	struct nwb_p9_msg o = {.type = NWB_P9_TLOPEN};
	struct nwb_p9_msg c = {.type = NWB_P9_TLCREATE};
	struct nwb_p9_msg s = {.type = NWB_P9_TSETATTR};
	struct nwb_p9_msg g = {.type = NWB_P9_TGETATTR};
	struct nwb_p9_msg y = {.type = NWB_P9_TFSYNC};
	struct nwb_p9_msg w = {.type = NWB_P9_TWALK};
	struct hand h;

	begin(&h, ex, d, export, "f");
	o.tlopen.fid = HAND_FID;
	call(t, &h, "open twice", &o);
	o.tlopen.fid = 77;
	call(t, &h, "open an unknown fid", &o);
	c.tlcreate.fid = HAND_FID;
	c.tlcreate.name = nwb_p9_str("x");
	c.tlcreate.flags = NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE;
	c.tlcreate.mode = 0644;
	call(t, &h, "create in an open file", &c);
	w.twalk.fid = HAND_FID;
	w.twalk.newfid = 5;
	call(t, &h, "walk from an open file", &w);
	w.twalk.fid = HAND_ROOT;
	w.twalk.nwname = 1;
	w.twalk.wname[0] = nwb_p9_str("f");
	call(t, &h, "walk to the file", &w);
	w.twalk.fid = 5;
	w.twalk.newfid = 6;
	call(t, &h, "walk from a file", &w);
	c.tlcreate.fid = 5;
	call(t, &h, "create in a file", &c);
	w.twalk.fid = HAND_ROOT;
	w.twalk.newfid = 5;
	w.twalk.nwname = 0;
	call(t, &h, "clone the root", &w);
	c.tlcreate.fid = 5;
	c.tlcreate.name = nwb_p9_str("f");
	c.tlcreate.flags |= NWB_P9_DOTL_EXCL;
	call(t, &h, "create what exists", &c);
	y.tfsync.fid = 77;
	call(t, &h, "fsync an unknown fid", &y);
	g.tgetattr.fid = 77;
	call(t, &h, "getattr of an unknown fid", &g);
	s.tsetattr.fid = HAND_FID;
	s.tsetattr.attr.valid = NWB_P9_SETATTR_SIZE;
	s.tsetattr.attr.size = 12345;
	call(t, &h, "set the size", &s);
	g.tgetattr.fid = HAND_FID;
	call(t, &h, "getattr", &g);
	trace_add(t, "size", (long long)h.rsp.rgetattr.size);
	a.tattach.fid = HAND_ROOT;
	a.tattach.afid = NWB_P9_NOFID;
	a.tattach.uname = nwb_p9_str("root");
	a.tattach.aname = nwb_p9_str(export);
	call(t, &h, "attach to a fid in use", &a);
	hand_fini(&h);
}

NWB_TEST(same_9p, misuse)
{
	same_on_both(misuse, NWB_FAKE_9P, "diod");
}
