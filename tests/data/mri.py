"""The bundled MRI sessions as a scanner's images: one for each series, stored with pynetdicom.

    python mri.py PORT CALLED CALLING FILE [SESSION DAYS]

With SESSION only one image of that session is stored, of a series of its own and so many days away from its first.
"""

import csv
import datetime
import hashlib
import sys

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import MRImageStorage

ROOT = "1.2.826.0.1.3680043.9.7777"


def uid(*words):
    return f"{ROOT}.{int(hashlib.sha256(repr(words).encode()).hexdigest()[:24], 16)}"


def image(session, series, at):
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = MRImageStorage, uid("image", session, series)
    made.StudyInstanceUID, made.SeriesInstanceUID = uid("study", session), uid("series", session, series)
    made.AcquisitionDateTime = at.strftime("%Y%m%d%H%M%S.%f+0000")
    made.AccessionNumber, made.Modality, made.StationName = session, "MR", "MR1"
    made.PatientName, made.PatientID = "Featherstonehaugh^Ada^Q", "9434765919"
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def main(port, called, calling, file, session=None, days="0"):
    with open(file, newline="", encoding="utf-8") as text:
        rows = [(r["session"], r["filename"], datetime.datetime.fromisoformat(r["acq_time"])) for r in csv.DictReader(text)]
    if session:
        first = min(at for of, _, at in rows if of == session)
        rows = [(session, "apart", first + datetime.timedelta(days=int(days)))]
    ae = AE(ae_title=calling)
    ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", int(port), ae_title=called)
    if not association.is_established:
        sys.exit("no association")
    answers = [association.send_c_store(image(*row)).Status for row in rows]
    association.release()
    print(f"{len(answers)} stored, {sum(status == 0 for status in answers)} accepted")


main(*sys.argv[1:])
