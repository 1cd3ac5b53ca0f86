"""The night of 30 October 2022 on a CT scanner in London, in which the clocks went back: three parts of it, each sent at
another time, with what goes wrong on real scanners. Prints how each message was answered.

    python scanner_night.py PORT {first|second|third}

All names and numbers are made up.
"""

import sys

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, ModalityPerformedProcedureStep

ROOT = "1.2.826.0.1.3680043.9.7777.8"


class Scanner:
    def __init__(self, port, calling="CT1"):
        ae = AE(ae_title=calling)
        ae.add_requested_context(ModalityPerformedProcedureStep, ExplicitVRLittleEndian)
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        self.association = ae.associate("127.0.0.1", int(port), ae_title="TOUCHTIME")
        if not self.association.is_established:
            sys.exit("no association")

    def create(self, step, time, accessions, patient):
        told = Dataset()
        told.ScheduledStepAttributesSequence = []
        for accession in accessions:
            item = Dataset()
            item.AccessionNumber = accession
            told.ScheduledStepAttributesSequence.append(item)
        told.PatientID = patient
        told.PerformedStationAETitle = "CT1"
        told.PerformedProcedureStepStartDate = "20221030"
        told.PerformedProcedureStepStartTime = time + "00"
        told.PerformedProcedureStepStatus = "IN PROGRESS"
        status, _ = self.association.send_n_create(told, ModalityPerformedProcedureStep, f"{ROOT}.{step}")
        print(f"create {step} {status.Status:04X}")

    def end(self, step, time, state="COMPLETED", reason=None):
        told = Dataset()
        told.PerformedProcedureStepStatus = state
        told.PerformedProcedureStepEndDate = "20221030"
        told.PerformedProcedureStepEndTime = time + "00"
        if reason:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = reason, "DCM", "why"
            told.PerformedProcedureStepDiscontinuationReasonCodeSequence = [item]
        status, _ = self.association.send_n_set(told, ModalityPerformedProcedureStep, f"{ROOT}.{step}")
        print(f"end {step} {status.Status:04X}")

    def image(self, step, time, accession, number):
        made = Dataset()
        made.SOPClassUID = CTImageStorage
        made.SOPInstanceUID = f"{ROOT}.9.{number}"
        made.AcquisitionDate, made.AcquisitionTime = "20221030", time + "00"
        made.AccessionNumber = accession
        reference = Dataset()
        reference.ReferencedSOPInstanceUID = f"{ROOT}.{step}"
        made.ReferencedPerformedProcedureStepSequence = [reference]
        made.SeriesInstanceUID = f"{ROOT}.7"
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        print(f"image {self.association.send_c_store(made).Status:04X}")


def first(port):
    scanner, other = Scanner(port), Scanner(port)
    scanner.create(1, "0105", ["A1"], "P1")
    scanner.create(1, "0105", ["A1"], "P1")
    scanner.end(1, "0120")
    scanner.end(1, "0121")
    # The wrong entry of the worklist was chosen.
    scanner.create(2, "0122", ["A9"], "P2")
    scanner.end(2, "0124", "DISCONTINUED", "110514")
    # Two exams at once, begun on one association and ended on another.
    scanner.create(3, "0125", ["A2", "A3"], "P3")
    other.end(3, "0145")
    other.association.release()
    scanner.association.release()


def second(port):
    scanner = Scanner(port)
    # The hour from one to two, for the second time; discontinued and repeated.
    scanner.create(4, "0110", ["A4"], "P4")
    scanner.end(4, "0120", "DISCONTINUED", "110501")
    scanner.create(5, "0125", ["A4"], "P4")
    scanner.end(5, "0140")
    # Two exams at once are given up, and only one of them is made up for.
    scanner.create(6, "0142", ["A5", "A6"], "P5")
    scanner.end(6, "0144", "DISCONTINUED")
    scanner.create(7, "0145", ["A5"], "P5")
    scanner.end(7, "0149")
    scanner.association.release()


def third(port):
    scanner = Scanner(port)
    # The message of its end is lost; its images are not, and one of them comes twice.
    scanner.create(8, "0200", ["A7"], "P6")
    for number, time in enumerate(["0205", "0216", "0216"]):
        scanner.image(8, time, "A7", number)
    scanner.create(9, "0250", ["A8"], "P7")
    scanner.end(9, "0258")
    scanner.association.release()
    # Another scanner, whose clock is seven minutes behind: it is ten past three.
    late = Scanner(port, "CT7")
    for step in range(20, 24):
        late.create(step, "0303", [f"B{step}"], f"Q{step}")
    late.association.release()


{"first": first, "second": second, "third": third}[sys.argv[2]](sys.argv[1])
