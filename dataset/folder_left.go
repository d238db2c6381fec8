package dataset

import (
	"errors"
	"path/filepath"
	"strings"
)

// A LeftOut says why a file or folder within a folder of images is left out.
type LeftOut int

const (
	Broken   LeftOut = iota + 1 // a picture that cannot be read
	Foreign                     // by its name a picture, of a format that is not read
	Misnamed                    // begins as pictures do, but its name does not say so
	Linked                      // a symbolic link
	Special                     // a device, pipe or socket with the name of a picture
	Locked                      // a folder that cannot be read
	Beside                      // a picture beside the folders of the splits
	Aside                       // a picture of a split that is neither trained on nor held out
	Own                         // made by Joule: the folder of a run, or a picture of samples
	Junk                        // what systems leave in folders, such as __MACOSX
	Hidden                      // its name begins with a dot
	Other                       // any other file
)

// Lost tells whether what is left out looks like a picture that was meant to be
// one of the images.
func (l LeftOut) Lost() bool { return l >= Broken && l <= Beside }

// A skipped file is one that was passed over, and why. It is part of what the
// cache keeps.
type skipped struct {
	Path   rawName `json:"path"`
	Reason string  `json:"reason"`
	Kind   LeftOut `json:"kind"`
}

func (r *folderReader) tellSkipped(list []skipped) {
	for _, s := range list {
		r.tell(FolderEvent{Path: string(s.Path), Err: errors.New(s.Reason), Kind: s.Kind})
	}
}

// hasName tells whether a name is in a list of names in lower case.
func hasName(list, name string) bool {
	name = strings.ToLower(name)
	for n := range strings.FieldsSeq(list) {
		if n == strings.ReplaceAll(name, " ", "_") {
			return true
		}
	}
	return false
}

// isJunk tells whether a file or folder is one that systems and programs leave
// in folders: of Synology, macOS, Windows, QNAP, Linux, Picasa.
func isJunk(name string) bool {
	return hasName("@eadir @recycle @recently-snapshot __macosx $recycle.bin recycler system_volume_information #recycle #snapshot lost+found thumbs.db ehthumbs.db desktop.ini picasa.ini", name)
}

// isForeign tells by its name whether a file is a picture of a format that is
// not read.
func isForeign(name string) bool {
	ext := strings.TrimPrefix(filepath.Ext(name), ".")
	return ext != "" && !isPicture(name) && hasName("jfi mpo heic heics heif hif avif avifs jxl jxr jp2 j2k j2c jpx jpf svg svgz ico cur icns psd psb xcf tga pcx ppm pgm pbm pnm pam pfm exr hdr dds qoi sgi xbm xpm wbmp eps dcm fits "+
		"raw dng cr2 cr3 crw nef nrw arw sr2 srf orf rw2 raf pef srw x3f 3fr iiq kdc dcr mrw erf mef mos rwl gpr", ext)
}

// pictureMagic lists what the files of pictures begin with.
func pictureMagic() []string {
	return []string{"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a", "II*\x00", "MM\x00*", "II+\x00", "MM\x00+",
		"\x00\x00\x00\x0cjP  ", "\xff\x4f\xff\x51", "\x00\x00\x00\x0cJXL ", "\xff\x0a", "8BPS"}
}

// beginsAsPicture tells by its first 16 bytes whether a file is a picture.
func beginsAsPicture(b []byte) bool {
	for _, m := range pictureMagic() {
		if strings.HasPrefix(string(b), m) {
			return true
		}
	}
	if len(b) < 12 {
		return false
	}
	riff := string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
	heif := string(b[4:8]) == "ftyp" && hasName("heic heix heim heis hevc hevx heif mif1 msf1 avif avis", string(b[8:12]))
	bitmap := string(b[:2]) == "BM" && string(b[6:10]) == "\x00\x00\x00\x00"
	return riff || heif || bitmap
}
