"""A scanner's images: written to files for dcmtk's storescu, or stored with pynetdicom.

    python images.py write FOLDER MEGABYTES
    python images.py store PORT CALLED CALLING

All names and numbers are made up; the test looks for them in what the agent keeps and sends.
"""

import sys
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE
from pynetdicom.sop_class import MRImageStorage, XRayRadiationDoseSRStorage

ROOT = "1.2.826.0.1.3680043.9.7777"


def image(number, series, time, accession="ACC-883311", step=None):
    made = Dataset()
    made.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    made.SOPClassUID = MRImageStorage
    made.SOPInstanceUID = f"{ROOT}.5.{series}.{number}"
    made.StudyDate = made.AcquisitionDate = made.ContentDate = "20220714"
    made.StudyTime = "101530"
    made.AcquisitionTime = time
    made.ContentTime = "235959"
    made.AccessionNumber = accession
    made.Modality = "MR"
    made.StationName = "AWP41234"
    made.StudyDescription = "head, Mrs Featherstonehaugh"
    made.PatientName = "Featherstonehaugh^Ada^Q"
    made.PatientID = "9434765919"
    made.PatientBirthDate = "19511230"
    made.ProtocolName = "t2_tse_tra"
    made.StudyInstanceUID = f"{ROOT}.2"
    made.SeriesInstanceUID = f"{ROOT}.4.{series}"
    if step:
        reference = Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.3"
        reference.ReferencedSOPInstanceUID = step
        made.ReferencedPerformedProcedureStepSequence = [reference]
    made.Rows = made.Columns = 8
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.SamplesPerPixel, made.PixelRepresentation = 7, 1, 0
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = bytes(64)
    return made


def with_meta(made, syntax):
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = syntax
    return made


def write(folder, megabytes):
    def save(name, made, syntax):
        with_meta(made, syntax).save_as(Path(folder) / name, enforce_file_format=True)

    explicit = image(1, 7, "110000", accession="")
    save("1-explicit.dcm", explicit, ExplicitVRLittleEndian)
    save("2-implicit.dcm", image(2, 7, "110100", accession=""), ImplicitVRLittleEndian)
    large = image(3, 7, "110230", accession="")
    large.Rows, large.Columns = 1024, 1024
    large.NumberOfFrames = megabytes
    large.PixelData = bytes(megabytes * 1024 * 1024)
    save("3-large.dcm", large, ExplicitVRLittleEndian)
    packed = image(4, 7, "110300", accession="")
    packed.PixelData = encapsulate([bytes([0xFF, 0xD8, 0xFF, 0xD9])])
    packed["PixelData"].is_undefined_length = True
    save("4-compressed.dcm", packed, JPEGBaseline8Bit)


def store(port, called, calling):
    ae = AE(ae_title=calling)
    ae.add_requested_context(MRImageStorage, ImplicitVRLittleEndian)
    ae.add_requested_context(XRayRadiationDoseSRStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", int(port), ae_title=called)
    if not association.is_established:
        sys.exit("no association")
    step = f"{ROOT}.1"
    objects = [image(n, 1, f"1020{n:02}", step=step) for n in range(5)]
    objects += [image(n, 2, f"1031{n:02}") for n in range(5)]
    objects.append(objects[0])
    report = image(1, 9, "")
    report.SOPClassUID = XRayRadiationDoseSRStorage
    del report.AcquisitionTime, report.ImageType, report.ContentTime
    objects.append(report)
    for made in objects:
        syntax = ExplicitVRLittleEndian if made is report else ImplicitVRLittleEndian
        print(f"store {association.send_c_store(with_meta(made, syntax)).Status:04X}")
    association.release()


if sys.argv[1] == "write":
    write(sys.argv[2], int(sys.argv[3]))
else:
    store(*sys.argv[2:])
