/* SPDX-License-Identifier: BSD-2-Clause */
/* Written by wireguard_handshake.py, an independent implementation. */
#ifndef CULVERT_VECTORS_WIREGUARD_HANDSHAKE_H
#define CULVERT_VECTORS_WIREGUARD_HANDSHAKE_H

#define VECTOR_INDEX_I 0x11223344
#define VECTOR_INDEX_R 0x55667788

static const char vector_static_i[] =
	"681383b9a68c3e22704eb76f1bbd6102d9983dea42c2d60fd460f63ae129bb51";
static const char vector_static_r[] =
	"f8d79f5bec5dc175f82c15b4b72060a8ab8698934a4cd795fa7ebaf4e39c1e77";
static const char vector_ephemeral_i[] =
	"00d0ea87ded495144cc186e9f9e240bf1325fad3ae8507340acec1156de6887a";
static const char vector_ephemeral_r[] =
	"880487dded5782ee4c2f2a7310880fc6a099eeada4f940d94a12e3a929c85c7b";
static const char vector_psk[] = "cde47c4f7b88a4492da0139f3f014763443c08d122639e6ed895356fe230a9d6";
static const char vector_stamp[] = "400000006553f10a0a000000";
static const char vector_cookie[] = "000102030405060708090a0b0c0d0e0f";
static const char vector_initiation[] =
	"01000000443322117bc4c9b2ff44a72a01da9f8bfc00b4545b579b59ec294074"
	"79b41dc5040a43170f2045bc22936d7fd7700d7b46a8e0c244459e3d6d61f327"
	"68290dec8e4e04e72b71d5ce23d8893ad5de6ec876e6912fd15c0210ed6d37c2"
	"dc6e4f5ed92e580ad415d1ee00f83b9d6134554d067ad50745f433df8bda5fe6"
	"4a642a7500000000000000000000000000000000";
static const char vector_initiation_with_cookie[] =
	"01000000443322117bc4c9b2ff44a72a01da9f8bfc00b4545b579b59ec294074"
	"79b41dc5040a43170f2045bc22936d7fd7700d7b46a8e0c244459e3d6d61f327"
	"68290dec8e4e04e72b71d5ce23d8893ad5de6ec876e6912fd15c0210ed6d37c2"
	"dc6e4f5ed92e580ad415d1ee00f83b9d6134554d067ad50745f433df8bda5fe6"
	"4a642a757553fc3e89d3210ba7d60386799fb922";
static const char vector_response[] =
	"020000008877665544332211abd6d295972f5e5dcbdea09e4331a5ed1dfb2603"
	"292728b20113c40de944b12f658e3ab157a042e21ca8bb4c26ebc2b71229eb1c"
	"8cc953bfb745180b47951a6600000000000000000000000000000000";
static const char vector_key_first[] =
	"9e6aaaed50d2427db9e773186630a0bfebc656789fcff934e50c56893db0b05d";
static const char vector_key_second[] =
	"5191326e462da2e5d4293f1d8682da4ab711b95fca59ca2ef2ffa451b34eb3c7";
static const char vector_data[] = "040000008877665500000000000000005601f4033be11717585403bfd117b091"
				  "4b6c1cbe6c48dca3a1b8cd4f9b2d15ac";

#endif
